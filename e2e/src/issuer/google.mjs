// Google's own names of what the certified provider does, and what Gemini CLI asks beside OAuth: a page that shows a code to paste,
// whose its tokens are, and what plan they have. Who somebody is comes from the certified provider, which refuses a token that it
// has not issued.
import { ACCOUNTS } from './accounts.mjs';
import { html, json, readForm } from './forms.mjs';
import { GOOGLE, GOOGLE_API, GOOGLE_CODE, GOOGLE_PLAN, GOOGLE_TOKENS } from './hosts.mjs';
import { pastePage, refusedPage } from './pages.mjs';
import { knows, VENDORS } from './vendors.mjs';

const { routes } = VENDORS[GOOGLE];
/** Paths that older CLIs know: the page, and where tokens are had and refreshed. */
const OLD_PAGE = '/o/oauth2/auth';
const TOKENS = new Set([GOOGLE_TOKENS + routes.token, `${GOOGLE}/o/oauth2/token`, `${GOOGLE_API}/oauth2/v3/token`]);
const HOSTS = new Set([GOOGLE_API, GOOGLE_CODE, GOOGLE_PLAN]);

/** Whose a token is. */
export async function personOf(provider, { authorization = '' }) {
  const token = await provider.AccessToken.find(authorization.replace(/^Bearer /, ''));
  return token?.accountId;
}

const userinfo = (user) => ({ id: `account-of-${user}`, email: ACCOUNTS[user].email, verified_email: true, name: ACCOUNTS[user].name });
const plan = () => {
  const tier = { id: 'free-tier', name: 'Gemini Code Assist for individuals', userDefinedCloudaicompanionProject: false };
  return { currentTier: tier, allowedTiers: [tier], cloudaicompanionProject: 'project-of-the-test' };
};

/** From host and path to what is told of a person. */
const API = new Map([
  [`${GOOGLE_API}/oauth2/v2/userinfo`, userinfo],
  [`${GOOGLE_PLAN}/v1internal:loadCodeAssist`, plan],
  // Without these the CLI fills its screen with what it could not learn; it signs in all the same.
  [`${GOOGLE_PLAN}/v1internal:retrieveUserQuota`, () => ({ buckets: [] })],
  [`${GOOGLE_PLAN}/v1internal:listExperiments`, () => ({ experimentIds: [], flags: [] })],
]);

function showCode(request, response) {
  const query = new URL(request.url, `https://${GOOGLE_CODE}`).searchParams;
  return html(response, query.has('code') ? pastePage(query.get('code')) : refusedPage(query.get('error') ?? 'no code'));
}

/** The secret of an installed program is none (RFC 8252, 8.5); a CLI must send one, and which does not matter. */
async function withSecret(request, response) {
  const form = await readForm(request);
  if (!form.get('client_secret') || !knows(VENDORS[GOOGLE], form.get('client_id'))) {
    json(response, { error: 'invalid_client', error_description: 'The OAuth client was not found.' }, 401);
    return true;
  }
  form.delete('client_secret');
  request.url = routes.token;
  request.headers['content-type'] = 'application/x-www-form-urlencoded';
  request.body = form.toString();
  return false;
}

/** Answers what is no part of the certified provider; false for all else. */
export async function answerGoogle({ provider }, host, request, response) {
  const path = request.url.split('?')[0];
  if (TOKENS.has(host + path)) return withSecret(request, response);
  if (host === GOOGLE && path === OLD_PAGE) request.url = request.url.replace(OLD_PAGE, routes.authorization);
  if (!HOSTS.has(host)) return false;
  if (host === GOOGLE_CODE && path === '/authcode') showCode(request, response);
  else {
    const tells = API.get(host + path);
    const user = tells && await personOf(provider, request.headers);
    json(response, user ? tells(user) : { error: { code: tells ? 401 : 404, message: 'no' } }, tells ? user ? 200 : 401 : 404);
  }
  return true;
}
