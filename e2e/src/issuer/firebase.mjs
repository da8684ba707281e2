// What Firebase CLI asks of Google beside OAuth: pages for who signs in elsewhere and brings back a code, news of the CLI, and a
// person's projects. What the real pages say is the vendor's; what the CLI sends there and has from there is as it was seen. The code
// is the certified provider's.
import { randomBytes } from 'node:crypto';
import { html, json, readBody } from './forms.mjs';
import { personOf } from './google.mjs';
import { FIREBASE_API, FIREBASE_NEWS, FIREBASE_PAGES, GOOGLE } from './hosts.mjs';
import { pastePage, refusedPage } from './pages.mjs';
import { clientOf, VENDORS } from './vendors.mjs';

const CLIENT = clientOf(VENDORS[GOOGLE], 'Firebase CLI');
const SCOPE = 'email openid https://www.googleapis.com/auth/cloudplatformprojects.readonly https://www.googleapis.com/auth/firebase https://www.googleapis.com/auth/cloud-platform';
/** A run has a few. */
const MAX_SESSIONS = 1000;

/** From a session's id, which the CLI has made, to the word that its link must have. */
const sessions = new Map();

async function attest(_site, request, response) {
  if (sessions.size >= MAX_SESSIONS) sessions.delete(sessions.keys().next().value);
  const { session_id } = JSON.parse(await readBody(request));
  const token = randomBytes(16).toString('hex');
  sessions.set(session_id, token);
  json(response, { token });
}

/** Goes on to Google. The vendor's own page asks before whether the id's first letters are those on the person's terminal. */
function login(_site, request, response) {
  const asked = queryOf(request);
  if (!asked.has('attest') || sessions.get(asked.get('session')) !== asked.get('attest')) return html(response, refusedPage('This sign-in is not known'));
  const query = new URLSearchParams({
    client_id: CLIENT, redirect_uri: `https://${FIREBASE_PAGES}/complete`, response_type: 'code', scope: SCOPE, state: asked.get('session'),
    code_challenge: asked.get('code_challenge'), code_challenge_method: 'S256',
  });
  return response.writeHead(303, { location: `https://${GOOGLE}/o/oauth2/auth?${query}` }).end();
}

function complete(_site, request, response) {
  const query = queryOf(request);
  return html(response, query.has('code') ? pastePage(query.get('code')) : refusedPage(query.get('error') ?? 'no code'));
}

async function projects({ provider }, request, response) {
  const user = await personOf(provider, request.headers);
  if (!user) return json(response, { error: { code: 401, message: 'Request had invalid authentication credentials.' } }, 401);
  return json(response, { results: [{ projectId: `project-of-${user}`, projectNumber: '1', displayName: `Project of ${user}`, name: `projects/project-of-${user}`, resources: {}, state: 'ACTIVE' }] });
}

const queryOf = ({ url }) => new URL(url, `https://${FIREBASE_PAGES}`).searchParams;

const ANSWERS = new Map([
  [`POST ${FIREBASE_PAGES}/attest`, attest],
  [`GET ${FIREBASE_PAGES}/login`, login],
  [`GET ${FIREBASE_PAGES}/complete`, complete],
  [`GET ${FIREBASE_NEWS}/cli.json`, (_site, _request, response) => json(response, { minVersion: '3.0.5' })],
  [`GET ${FIREBASE_API}/v1beta1/projects`, projects],
]);
const HOSTS = new Set([FIREBASE_PAGES, FIREBASE_API, FIREBASE_NEWS]);

/** Answers the hosts that are Firebase's own; false for all else. */
export async function answerFirebase(site, host, request, response) {
  if (!HOSTS.has(host)) return false;
  const answer = ANSWERS.get(`${request.method} ${host}${request.url.split('?')[0]}`);
  if (answer) await answer(site, request, response);
  else json(response, { error: { code: 404, message: 'no' } }, 404);
  return true;
}
