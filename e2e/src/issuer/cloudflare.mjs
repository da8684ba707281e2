// What Wrangler asks Cloudflare's API to say who it is signed in as. Who somebody is comes from the certified provider, which refuses
// a token that it has not issued, or that has expired.
import { ACCOUNTS } from './accounts.mjs';
import { json } from './forms.mjs';
import { WRANGLER_API } from './hosts.mjs';

const one = (result) => ({ success: true, errors: [], messages: [], result });
const all = (result) => ({ ...one(result), result_info: { page: 1, per_page: 50, count: result.length, total_count: result.length, total_pages: 1 } });

/** From what is asked to what is told of a person. */
const API = new Map([
  ['GET /client/v4/user', (user) => one({ id: `account-of-${user}`, email: ACCOUNTS[user].email })],
  ['GET /client/v4/accounts', (user) => all([{ id: `organization-of-${user}`, name: `${ACCOUNTS[user].name}'s account` }])],
]);

const refusal = (code, message) => ({ success: false, errors: [{ code, message }], messages: [], result: null });

/** Answers Cloudflare's API; false for any other host. */
export async function answerCloudflare({ provider }, host, request, response) {
  if (host !== WRANGLER_API) return false;
  const tells = API.get(`${request.method} ${request.url.split('?')[0]}`);
  const token = tells && await provider.AccessToken.find((request.headers.authorization ?? '').replace(/^Bearer /, ''));
  if (token) json(response, tells(token.accountId));
  else if (tells) json(response, refusal(10000, 'Authentication error'), 403);
  else json(response, refusal(7003, 'Could not route'), 404);
  return true;
}
