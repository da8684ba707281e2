// The person's own browser against the issuer, and the issuer's endpoints for it, asked as the CLIs ask them. Without a
// controller, so that it says of both what they do by themselves.
import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ACCOUNTS } from '../issuer/accounts.mjs';
import { Issuer } from '../issuer/index.mjs';
import { CLAUDE, CODEX, GITHUB, GOOGLE, WRANGLER } from '../issuer/hosts.mjs';
import { DEVICE_GRANT, VENDORS } from '../issuer/vendors.mjs';
import { ask, fieldsOf } from './ask.mjs';
import { OwnBrowser } from './own-browser.mjs';
import { until } from './wait.mjs';

const WAIT_MS = 20_000;
const ADA = { user: 'ada', password: ACCOUNTS.ada.password };
const directory = mkdtempSync(path.join(os.tmpdir(), 'anteroom-own-'));
const issuer = await Issuer.start(directory);
const browser = await OwnBrowser.start(issuer);
after(async () => {
  await browser.stop();
  await issuer.stop();
  rmSync(directory, { recursive: true, force: true });
});

const GITHUB_PAGE = `https://${GITHUB}/login/device`;
const newGithubCode = async () => fieldsOf(await ask(issuer, 'POST', `https://${GITHUB}/login/device/code`, { form: { client_id: VENDORS[GITHUB].client, scope: 'repo read:org gist' } }));
const githubToken = async (device) => fieldsOf(await ask(issuer, 'POST', `https://${GITHUB}/login/oauth/access_token`, { form: { client_id: VENDORS[GITHUB].client, device_code: device.device_code, grant_type: DEVICE_GRANT } }));

/** Asks until GitHub says something else than that it waits, as often as it allows. */
function githubDecides(device) {
  let nextMs = 0;
  return until('GitHub has decided', WAIT_MS, async () => {
    if (Date.now() < nextMs) return undefined;
    const said = await githubToken(device);
    nextMs = Date.now() + Number(said.interval ?? device.interval) * 1000 + 50;
    return !['authorization_pending', 'slow_down'].includes(said.error) && said;
  });
}

test('a GitHub code that was typed, signed in for and allowed becomes a token that says whose it is', async () => {
  const device = await newGithubCode();
  assert.match(device.user_code, /^[A-Z0-9]{4}-[A-Z0-9]{4}$/);
  assert.equal(device.verification_uri, GITHUB_PAGE);
  assert.equal((await githubToken(device)).error, 'authorization_pending');
  await browser.approveDevice({ url: GITHUB_PAGE, code: device.user_code, ...ADA });
  const token = await githubDecides(device);
  assert.deepEqual([token.token_type, token.scope], ['bearer', 'repo,read:org,gist'], JSON.stringify(Object.keys(token)));
  const who = (authorization) => ask(issuer, 'POST', 'https://api.github.com/graphql', { headers: { authorization }, json: { query: 'query UserCurrent{viewer{login}}' } });
  assert.equal(JSON.parse((await who(`token ${token.access_token}`)).text).data.viewer.login, 'ada');
  assert.equal((await who('token wrong')).status, 401);
  for (const secret of [device.device_code, token.access_token]) assert.ok(issuer.secrets().includes(secret), 'logs are searched for it');
  assert.equal((await githubDecides(device)).error, 'incorrect_device_code', 'a code is good for one token');
});

test("GitHub's Copilot CLI is named to the person, asks in JSON with commas between scopes, and is told a plan", async () => {
  const [client] = Object.keys(VENDORS[GITHUB].further);
  const said = async (path, form) => JSON.parse((await ask(issuer, 'POST', `https://${GITHUB}${path}`, { headers: { accept: 'application/json' }, form: { client_id: client, ...form } })).text);
  const { device_code, user_code } = await said('/login/device/code', { scope: 'read:user,repo' });
  assert.match(await browser.approveDevice({ url: GITHUB_PAGE, code: user_code, ...ADA }), /close this window/);
  assert.ok(issuer.events.some(({ kind, client: shown }) => kind === 'page' && shown === 'GitHub Copilot CLI'));
  const { access_token } = await said('/login/oauth/access_token', { device_code, grant_type: DEVICE_GRANT });
  const plan = await ask(issuer, 'GET', 'https://api.github.com/copilot_internal/user', { headers: { authorization: `Bearer ${access_token}` } });
  assert.deepEqual([JSON.parse(plan.text).login, plan.headers['x-oauth-scopes']], ['ada', 'read:user, repo']);
});

test('a code that GitHub has not made is refused, and so is a wrong password', async () => {
  const device = await newGithubCode();
  await assert.rejects(browser.approveDevice({ url: GITHUB_PAGE, code: 'AAAA-AAAA', ...ADA }), /Wrong code/);
  await assert.rejects(browser.approveDevice({ url: GITHUB_PAGE, code: device.user_code, user: 'ada', password: 'not hers' }), /Wrong password/);
  assert.equal((await githubToken(device)).error, 'authorization_pending');
});

test('a GitHub code that is denied gives no token', async () => {
  const device = await newGithubCode();
  await browser.denyDevice({ url: GITHUB_PAGE, code: device.user_code, ...ADA });
  assert.equal((await githubDecides(device)).error, 'access_denied');
});

test('who asks GitHub too often is told to slow down, and how much', async () => {
  const device = await newGithubCode();
  await githubToken(device);
  const { error, interval } = await githubToken(device);
  assert.deepEqual([error, Number(interval)], ['slow_down', Number(device.interval) + 5]);
});

test('a code whose time is over gives no token, and its page takes it no more', async () => {
  await issuer.live({ deviceCodes: 1 });
  try {
    const device = await newGithubCode();
    assert.equal((await githubDecides(device)).error, 'expired_token');
    await assert.rejects(browser.approveDevice({ url: GITHUB_PAGE, code: device.user_code, ...ADA }), /Wrong code|expired/);
  } finally {
    await issuer.live();
  }
  assert.ok(Number((await newGithubCode()).expires_in) > 800, 'codes live as long as before again');
});

const OPENAI_PAGE = `https://${CODEX}/codex/device`;
const openai = (what, json) => ask(issuer, 'POST', `https://${CODEX}/api/accounts/deviceauth/${what}`, { json });
const newOpenaiCode = async () => JSON.parse((await openai('usercode', { client_id: VENDORS[CODEX].client })).text);
const openaiDecides = ({ device_auth_id, user_code }) => openai('token', { device_auth_id, user_code });

test('an OpenAI code that was typed and allowed becomes an authorization code with its proof, and that becomes tokens', async () => {
  const device = await newOpenaiCode();
  assert.match(device.user_code, /^[A-Z0-9]{4}-[A-Z0-9]{5}$/);
  assert.equal((await openaiDecides(device)).status, 403);
  await assert.rejects(browser.approveDevice({ url: OPENAI_PAGE, code: 'AAAA-AAAAA', ...ADA }), /Wrong code/);
  await browser.approveDevice({ url: OPENAI_PAGE, code: device.user_code, ...ADA });
  const { authorization_code, code_verifier } = JSON.parse((await openaiDecides(device)).text);
  const form = { grant_type: 'authorization_code', client_id: VENDORS[CODEX].client, code: authorization_code, code_verifier, redirect_uri: `https://${CODEX}/deviceauth/callback` };
  const tokens = JSON.parse((await ask(issuer, 'POST', `https://${CODEX}/oauth/token`, { form })).text);
  for (const secret of [authorization_code, code_verifier, tokens.access_token, tokens.refresh_token, tokens.id_token]) assert.ok(issuer.secrets().includes(secret));
  assert.equal((await openaiDecides(device)).status, 404, 'a device has its code once');
});

test('an OpenAI code that is denied or not known gives nothing', async () => {
  const device = await newOpenaiCode();
  await browser.denyDevice({ url: OPENAI_PAGE, code: device.user_code, ...ADA });
  assert.equal((await openaiDecides(device)).status, 401);
  assert.equal((await openaiDecides({ ...device, device_auth_id: 'another' })).status, 404);
});

/** A sign-in as a CLI begins it. */
function begin(host, redirect, scope) {
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(16).toString('hex');
  const query = new URLSearchParams({
    response_type: 'code', client_id: VENDORS[host].client, redirect_uri: redirect, scope, state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
  });
  const exchange = (code) => ({ grant_type: 'authorization_code', client_id: VENDORS[host].client, code, code_verifier: verifier, redirect_uri: redirect, state });
  return { url: `https://${host}${VENDORS[host].routes.authorization}?${query}`, state, exchange };
}

test("Claude Code's page shows code and state, which are good for tokens once", async () => {
  const { url, state, exchange } = begin(CLAUDE, 'https://platform.claude.com/oauth/code/callback', 'user:inference user:profile');
  const [code, shown] = (await browser.signInAndReadCode({ url, ...ADA })).split('#');
  assert.equal(shown, state);
  assert.ok(issuer.secrets().includes(code));
  const tokens = () => ask(issuer, 'POST', 'https://platform.claude.com/v1/oauth/token', { json: exchange(code) });
  const { access_token } = JSON.parse((await tokens()).text);
  const profile = await ask(issuer, 'GET', 'https://api.anthropic.com/api/oauth/profile', { headers: { authorization: `Bearer ${access_token}` } });
  assert.equal(JSON.parse(profile.text).account.email, ACCOUNTS.ada.email);
  assert.equal((await tokens()).status, 400);
});

test("Claude Code's token for scripts lives as long as was asked, and tells nobody whose it is", async () => {
  const { url, exchange } = begin(CLAUDE, 'https://platform.claude.com/oauth/code/callback', 'user:inference');
  const [code] = (await browser.signInAndReadCode({ url, ...ADA })).split('#');
  const reply = await ask(issuer, 'POST', 'https://platform.claude.com/v1/oauth/token', { json: { ...exchange(code), expires_in: 31_536_000 } });
  const { access_token, expires_in } = JSON.parse(reply.text);
  assert.equal(expires_in, 31_536_000);
  assert.equal((await ask(issuer, 'GET', 'https://api.anthropic.com/api/oauth/profile', { headers: { authorization: `Bearer ${access_token}` } })).status, 403);
});

test("Gemini CLI's page shows a code, and its tokens want the client's secret", async () => {
  const { url, exchange } = begin(GOOGLE, 'https://codeassist.google.com/authcode', 'https://www.googleapis.com/auth/userinfo.email');
  const form = exchange(await browser.signInAndReadCode({ url, ...ADA }));
  const tokens = (more) => ask(issuer, 'POST', 'https://oauth2.googleapis.com/token', { form: { ...form, ...more } });
  assert.equal((await tokens({})).status, 401);
  const { access_token, refresh_token } = JSON.parse((await tokens({ client_secret: 'of an installed program' })).text);
  assert.ok(refresh_token);
  const who = await ask(issuer, 'GET', 'https://www.googleapis.com/oauth2/v2/userinfo', { headers: { authorization: `Bearer ${access_token}` } });
  assert.equal(JSON.parse(who.text).email, ACCOUNTS.ada.email);
});

test("Firebase CLI's page takes links that were asked for, shows a code, and its tokens are had and refreshed by forms of several parts", async () => {
  const [client] = Object.keys(VENDORS[GOOGLE].further);
  const verifier = randomBytes(32).toString('hex');
  const session = randomUUID();
  const { token } = JSON.parse((await ask(issuer, 'POST', 'https://auth.firebase.tools/attest', { json: { session_id: session } })).text);
  const page = (attest) => `https://auth.firebase.tools/login?${new URLSearchParams({ code_challenge: createHash('sha256').update(verifier).digest('base64url'), session, attest })}`;
  await assert.rejects(browser.signInAndReadCode({ url: page('made-up'), ...ADA }), /This sign-in is not known/);
  const code = await browser.signInAndReadCode({ url: page(token), ...ADA });
  const tokens = async (url, parts) => JSON.parse((await ask(issuer, 'POST', url, { parts: { client_id: client, client_secret: 'of an installed program', ...parts } })).text);
  const first = await tokens('https://accounts.google.com/o/oauth2/token', { code, code_verifier: verifier, grant_type: 'authorization_code', redirect_uri: 'https://auth.firebase.tools/complete' });
  const refresh = () => tokens('https://www.googleapis.com/oauth2/v3/token', { refresh_token: first.refresh_token, grant_type: 'refresh_token', scope: '' });
  for (const { access_token, refresh_token } of [await refresh(), await refresh()]) {
    assert.equal(refresh_token, first.refresh_token);
    const projects = await ask(issuer, 'GET', 'https://firebase.googleapis.com/v1beta1/projects?pageSize=100', { headers: { authorization: `Bearer ${access_token}` } });
    assert.equal(JSON.parse(projects.text).results[0].projectId, 'project-of-ada');
  }
  assert.equal((await ask(issuer, 'GET', 'https://firebase.googleapis.com/v1beta1/projects', { headers: { authorization: 'Bearer wrong' } })).status, 401);
});

test('a sign-in that is denied shows no code', async () => {
  const { url } = begin(CLAUDE, 'https://platform.claude.com/oauth/code/callback', 'user:inference');
  await assert.rejects(browser.signInAndReadCode({ url, ...ADA, deny: true }), /no code is shown.*access_denied/);
});

const WRANGLER_BACK = 'http://localhost:8976/oauth/callback';

for (const [host, redirect] of [[CODEX, 'http://127.0.0.1:1455/auth/callback'], [WRANGLER, WRANGLER_BACK], [CLAUDE, 'http://localhost:41807/callback']]) {
  test(`${host}: the address that the person's browser could not reach is the CLI's, with code and state`, async () => {
    const { url, state, exchange } = begin(host, redirect, 'openid offline_access');
    const back = new URL(await browser.signInAndReadRedirect({ url, ...ADA }));
    assert.equal(back.origin + back.pathname, redirect);
    assert.equal(back.searchParams.get('state'), state);
    const form = exchange(back.searchParams.get('code'));
    assert.ok(JSON.parse((await ask(issuer, 'POST', `https://${host}${VENDORS[host].routes.token}`, { form })).text).access_token);
    const denied = new URL(await browser.signInAndReadRedirect({ url, ...ADA, deny: true }));
    assert.deepEqual([denied.searchParams.get('error'), denied.searchParams.get('code')], ['access_denied', null]);
  });
}

/** Tokens of Wrangler for Ada, and how they are refreshed. */
async function wranglerTokens() {
  const { url, exchange } = begin(WRANGLER, WRANGLER_BACK, 'user:read offline_access');
  const code = new URL(await browser.signInAndReadRedirect({ url, ...ADA })).searchParams.get('code');
  const asked = async (form) => JSON.parse((await ask(issuer, 'POST', `https://${WRANGLER}/oauth2/token`, { form })).text);
  const refresh = ({ refresh_token }) => asked({ grant_type: 'refresh_token', client_id: VENDORS[WRANGLER].client, refresh_token });
  return { first: await asked(exchange(code)), refresh };
}

const isKnown = async ({ access_token }) => (await ask(issuer, 'GET', 'https://api.cloudflare.com/client/v4/user', { headers: { authorization: `Bearer ${access_token}` } })).status === 200;

test('a refresh gives another refresh token, and the second use of an old one takes all of them away', async () => {
  const { first, refresh } = await wranglerTokens();
  const second = await refresh(first);
  const third = await refresh(second);
  assert.equal(new Set([first, second, third].map(({ refresh_token }) => refresh_token)).size, 3);
  assert.ok(await isKnown(third));
  const since = issuer.now;
  assert.equal((await refresh(first)).error, 'invalid_grant');
  await issuer.saw(({ kind, description }) => kind === 'refused' && /already used/.test(description), 'the issuer says why', WAIT_MS, since);
  assert.equal((await refresh(third)).error, 'invalid_grant', 'the newest one is gone too');
});

test('access tokens live as long as a test says', async () => {
  await issuer.live({ accessTokens: 1 });
  try {
    const { first, refresh } = await wranglerTokens();
    assert.equal(first.expires_in, 1);
    await issuer.live();
    const second = await refresh(first);
    assert.deepEqual([second.expires_in, await isKnown(second)], [3600, true]);
  } finally {
    await issuer.live();
  }
});

test('Claude Code has an answer of the model with a token that was refreshed, and none without; what it asks is told', async () => {
  const { url, state, exchange } = begin(CLAUDE, 'https://platform.claude.com/oauth/code/callback', 'user:inference');
  const [code] = (await browser.signInAndReadCode({ url, ...ADA })).split('#');
  const tokens = async (json) => JSON.parse((await ask(issuer, 'POST', 'https://platform.claude.com/v1/oauth/token', { json })).text);
  const { refresh_token } = await tokens({ ...exchange(code), state });
  const { access_token } = await tokens({ grant_type: 'refresh_token', client_id: VENDORS[CLAUDE].client, refresh_token });
  const prompt = (token) => ask(issuer, 'POST', 'https://api.anthropic.com/v1/messages?beta=true', { headers: { authorization: `Bearer ${token}` }, json: { model: 'any', messages: [{ role: 'user', content: 'a text' }, { role: 'user', content: [{ type: 'text', text: '-x' }] }] } });
  assert.match((await prompt(access_token)).text, /The model has been asked/);
  assert.deepEqual((await issuer.saw(({ kind }) => kind === 'prompt', 'the prompt is told')).texts, ['a text', '-x']);
  assert.equal((await prompt('wrong')).status, 401);
});
