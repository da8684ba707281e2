// GitHub's notation of the device flow, and what its CLI asks beside it. The flow is the certified provider's: GitHub answers
// as a form unless JSON is asked for, with status 200 also where it refuses, says `slow_down` to who asks too often, and has
// a name and words of its own for refusals (docs.github.com, "Authorizing OAuth apps", device flow).
import { json, readBody } from './forms.mjs';
import { GITHUB, GITHUB_API } from './hosts.mjs';
import { VENDORS } from './vendors.mjs';

const { routes } = VENDORS[GITHUB];
/** How often the CLI may ask. GitHub's is 5; everybody who waits for a test waits for it. */
const INTERVAL_S = 1;
/** What is added for who asks too often (RFC 8628, 3.5). */
const SLOWER_S = 5;
/** So much of the interval must be over: who keeps to it may come early by a loaded host's whims, and gh gives up when it is told
 * to slow down. */
const TOLERATED = 0.5;
/** A run has a few dozen. */
const MAX_CODES = 1000;

const REFUSALS = {
  authorization_pending: 'The authorization request is still pending.',
  slow_down: 'Too many requests have been made in the same timeframe.',
  expired_token: 'The `device_code` has expired.',
  access_denied: 'The authorization request was denied.',
  incorrect_device_code: 'The device_code provided is not valid.',
};

/** From a device code to when it was asked for, how often that is allowed, and until when it lives. */
const codes = new Map();

function remember(code, lifeS, nowMs) {
  if (codes.size >= MAX_CODES) codes.delete(codes.keys().next().value);
  codes.set(code, { askedMs: -Infinity, intervalS: INTERVAL_S, endMs: nowMs + lifeS * 1000 });
}

/** A refusal, under GitHub's name for it and in its words. */
function refusal(error, more = {}) {
  const name = error === 'invalid_grant' ? 'incorrect_device_code' : error;
  return { error: name, error_description: REFUSALS[name] ?? error, error_uri: 'https://docs.github.com/developers/apps/authorizing-oauth-apps#error-codes-for-the-device-flow', ...more };
}

/** What is said to who asks for a token in place of asking the provider. */
function early(code, nowMs) {
  const known = codes.get(code);
  if (!known) return undefined;
  if (nowMs >= known.endMs) return refusal('expired_token');
  const tooEarly = nowMs - known.askedMs < known.intervalS * 1000 * TOLERATED;
  known.askedMs = nowMs;
  if (!tooEarly) return undefined;
  known.intervalS += SLOWER_S;
  return refusal('slow_down', { interval: known.intervalS });
}

/** What the provider says, in GitHub's words. */
function worded(body) {
  if (body.error) return refusal(body.error);
  if (body.access_token) return { access_token: body.access_token, token_type: 'bearer', scope: (body.scope ?? '').split(' ').join(',') };
  const { verification_uri_complete: _, ...rest } = body;
  return body.device_code ? { ...rest, interval: INTERVAL_S } : rest;
}

const wantsJson = (headers) => (headers.accept ?? '').includes('application/json');
const asForm = (body) => new URLSearchParams(body).toString();

/** Makes a provider answer its programs as GitHub does. */
export function speakAsGithub(provider) {
  provider.use(async (ctx, next) => {
    await next();
    if (![routes.device_authorization, routes.token].includes(ctx.path) || !ctx.body) return;
    if (ctx.body.device_code) remember(ctx.body.device_code, ctx.body.expires_in, Date.now());
    if (ctx.body.access_token) codes.delete(ctx.oidc.params.device_code);
    const body = worded(ctx.body);
    ctx.status = 200;
    ctx.body = wantsJson(ctx.request.headers) ? body : asForm(body);
    if (!wantsJson(ctx.request.headers)) ctx.type = 'application/x-www-form-urlencoded; charset=utf-8';
  });
}

/** GitHub takes scopes apart by commas too. */
async function withSpaces(request) {
  const form = new URLSearchParams(await readBody(request));
  form.set('scope', (form.get('scope') ?? '').replaceAll(',', ' '));
  request.body = form.toString();
  return false;
}

/** True when the request was answered: a CLI that asks too often, or after the code's end. */
async function pace(request, response) {
  request.body = await readBody(request);
  const refused = early(new URLSearchParams(request.body).get('device_code'), Date.now());
  if (!refused) return false;
  if (wantsJson(request.headers)) json(response, refused);
  else response.writeHead(200, { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }).end(asForm(refused));
  return true;
}

/** What GitHub's Copilot CLI asks before it takes somebody for signed in. */
const planOf = (login) => ({
  login, access_type_sku: 'free_limited_copilot', copilot_plan: 'individual', chat_enabled: true,
  organization_list: [], organization_login_list: [], endpoints: { api: `https://${GITHUB_API}` },
});

/** From what is asked to what is told of a person. */
const API = new Map([
  ['GET /', () => ({ current_user_url: `https://${GITHUB_API}/user` })],
  ['GET /copilot_internal/user', planOf],
  ['POST /graphql', (login, query) => /\bviewer\s*\{\s*login\s*\}/.test(query) ? { data: { viewer: { login } } } : undefined],
]);

async function api({ provider }, request, response) {
  const token = await provider.AccessToken.find((request.headers.authorization ?? '').replace(/^(token|bearer) /i, ''));
  if (!token) return json(response, { message: 'Bad credentials' }, 401);
  const told = API.get(`${request.method} ${request.url}`)?.(token.accountId, await readBody(request));
  return json(response, told ?? { message: 'Not Found' }, told ? 200 : 404, { 'x-oauth-scopes': [...token.scopes].join(', ') });
}

/** Answers what is no part of the certified provider; false for all else. */
export async function answerGithub(site, host, request, response) {
  if (host === GITHUB_API) {
    await api(site, request, response);
    return true;
  }
  if (host !== GITHUB || request.method !== 'POST') return false;
  if (request.url === routes.device_authorization) return withSpaces(request);
  return request.url === routes.token && pace(request, response);
}
