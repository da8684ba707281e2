// OpenAI's device sign-in of Codex. It is no RFC 8628: the page has an authorization code made for a proof that the vendor holds
// itself, and hands code and proof to the CLI that asks with its device's name. The code is the certified provider's, had by the
// same pages and routes as that of every other sign-in.
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { html, json, readBody, readForm } from './forms.mjs';
import { CODEX } from './hosts.mjs';
import { deviceCodesLive } from './lifetimes.mjs';
import { codePage, endPage, refusedPage } from './pages.mjs';
import { VENDORS } from './vendors.mjs';

const { client, routes } = VENDORS[CODEX];
const CALLBACK = `https://${CODEX}/deviceauth/callback`;
/** Seconds, and a text: so the vendor writes it. Its own number is 5; everybody who waits for a test waits for it. */
const INTERVAL = '1';
/** A run has a few dozen. */
const MAX_DEVICES = 1000;
const LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ';
const SIGNS = `${LETTERS}23456789`;

/** From a device's name to its code and what became of it. */
const devices = new Map();

const some = (signs, count) => Array.from({ length: count }, () => signs[randomInt(signs.length)]).join('');

function begin() {
  if (devices.size >= MAX_DEVICES) devices.delete(devices.keys().next().value);
  const id = `deviceauth_${randomBytes(12).toString('hex')}`;
  const verifier = randomBytes(32).toString('base64url');
  const device = { id, code: `${some(LETTERS, 4)}-${some(SIGNS, 5)}`, verifier, challenge: createHash('sha256').update(verifier).digest('base64url'), endMs: Date.now() + deviceCodesLive() * 1000 };
  devices.set(id, device);
  return device;
}

/** The device that still waits for a person. */
const waiting = (device) => device && !device.authorization && !device.denied && Date.now() < device.endMs ? device : undefined;

async function userCode(_site, request, response) {
  if (JSON.parse(await readBody(request)).client_id !== client) return json(response, { error: { message: 'unknown client' } }, 401);
  const { id, code } = begin();
  return json(response, { device_auth_id: id, user_code: code, interval: INTERVAL });
}

/** 403 while a person is waited for, 404 for what is not known or over: the CLI asks again after both. What the vendor says after
 * a refusal is not known. */
async function token({ tell }, request, response) {
  const { device_auth_id, user_code } = JSON.parse(await readBody(request));
  const device = devices.get(device_auth_id);
  if (device?.code !== user_code) return json(response, { error: { message: 'not found' } }, 404);
  if (device.denied) return json(response, { error: 'authorization_declined' }, 401);
  if (!device.authorization) return json(response, { error: { message: 'pending' } }, waiting(device) ? 403 : 404);
  devices.delete(device.id);
  tell({ kind: 'code', host: CODEX, code: device.verifier });
  return json(response, { authorization_code: device.authorization, code_challenge: device.challenge, code_verifier: device.verifier });
}

/** Takes the code that a person types, and goes on to the provider. */
async function typed(_site, request, response) {
  const code = ((await readForm(request)).get('user_code') ?? '').trim().toUpperCase();
  const device = waiting([...devices.values()].find((each) => each.code === code));
  if (!device) return html(response, codePage(CODEX, '/codex/device', {}, 'Wrong code'));
  const query = new URLSearchParams({
    response_type: 'code', client_id: client, redirect_uri: CALLBACK, scope: 'openid profile email offline_access',
    code_challenge: device.challenge, code_challenge_method: 'S256', state: device.id,
  });
  return response.writeHead(303, { location: `${routes.authorization}?${query}` }).end();
}

/** Where the provider sends the browser with a code, or with a refusal. */
async function back(_site, request, response) {
  const query = new URL(request.url, CALLBACK).searchParams;
  const device = waiting(devices.get(query.get('state')));
  if (!device) return html(response, refusedPage('This code is not waited for any more'));
  device.authorization = query.get('code') ?? undefined;
  device.denied = !device.authorization;
  return html(response, device.denied ? refusedPage('The request was denied') : endPage('You may close this window'));
}

const ANSWERS = new Map([
  ['POST /api/accounts/deviceauth/usercode', userCode],
  ['POST /api/accounts/deviceauth/token', token],
  ['GET /codex/device', (_site, _request, response) => html(response, codePage(CODEX, '/codex/device', {}))],
  ['POST /codex/device', typed],
  ['GET /deviceauth/callback', back],
]);

/** Answers what is no part of the certified provider; false for all else. */
export async function answerCodex(site, host, request, response) {
  const answer = host === CODEX && ANSWERS.get(`${request.method} ${request.url.split('?')[0]}`);
  if (answer) await answer(site, request, response);
  return Boolean(answer);
}
