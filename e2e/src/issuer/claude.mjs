// What Claude Code asks beside OAuth: whose its tokens are and what their plan is. The words are the vendor's; who somebody
// is comes from the certified provider, which refuses a token that it has not issued.
import { ACCOUNTS } from './accounts.mjs';
import { CLAUDE_API, CLAUDE_PLATFORM } from './hosts.mjs';
import { endPage } from './pages.mjs';

function profile(user) {
  const { email, name } = ACCOUNTS[user];
  return {
    account: { uuid: `account-of-${user}`, email, full_name: name, display_name: name, has_claude_max: false, has_claude_pro: true },
    organization: { uuid: `organization-of-${user}`, name: `${name}'s organization`, organization_type: 'claude_pro', rate_limit_tier: 'default_claude_ai', billing_type: 'stripe_subscription' },
  };
}

const roles = (user) => ({ organization_name: `${ACCOUNTS[user].name}'s organization`, organization_role: 'admin', workspace_name: null, workspace_role: null });

/** From path to what is told of a person. */
const API = new Map([['/api/oauth/profile', profile], ['/api/oauth/claude_cli/roles', roles]]);

async function personOf(provider, { authorization = '' }) {
  const token = await provider.AccessToken.find(authorization.replace(/^Bearer /, ''));
  return token?.accountId;
}

/** Answers the paths of both hosts that are no part of OAuth; false for any other. */
export async function answerClaude({ provider }, host, request, response) {
  const path = request.url.split('?')[0];
  if (host === CLAUDE_PLATFORM && path === '/oauth/code/success') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(endPage('You may close this window'));
    return true;
  }
  if (host !== CLAUDE_API) return false;
  const tells = API.get(path);
  const user = tells && await personOf(provider, request.headers);
  response.writeHead(tells ? user ? 200 : 401 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify(user ? tells(user) : { error: { message: 'no' } }));
  return true;
}
