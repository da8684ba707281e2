// What Claude Code asks beside OAuth: whose its tokens are, what their plan is, and what the model says to a prompt. The words are
// the vendor's; who somebody is comes from the certified provider, which refuses a token that it has not issued.
import { ACCOUNTS } from './accounts.mjs';
import { html, json, readBody } from './forms.mjs';
import { CLAUDE_API, CLAUDE_PLATFORM } from './hosts.mjs';
import { endPage, pastePage, refusedPage } from './pages.mjs';

/** The tools that the CLI offers its model are described in half of it. */
const MAX_PROMPT_BYTES = 4 * 1024 * 1024;

function profile(user) {
  const { email, name } = ACCOUNTS[user];
  return {
    account: { uuid: `account-of-${user}`, email, full_name: name, display_name: name, has_claude_max: false, has_claude_pro: true },
    organization: { uuid: `organization-of-${user}`, name: `${name}'s organization`, organization_type: 'claude_pro', rate_limit_tier: 'default_claude_ai', billing_type: 'stripe_subscription' },
  };
}

/** A token that has not this one tells nobody whose it is. */
const TELLING_SCOPE = 'user:profile';

const roles = (user) => ({ organization_name: `${ACCOUNTS[user].name}'s organization`, organization_role: 'admin', workspace_name: null, workspace_role: null });

/** From path to what is told of a person. */
const API = new Map([['/api/oauth/profile', profile], ['/api/oauth/claude_cli/roles', roles]]);

/** Pages at the end of a sign-in: of one that called back by itself, and of one whose code is pasted, together with its state. */
const PAGES = new Map([
  ['/oauth/code/success', () => endPage('You may close this window')],
  ['/oauth/code/callback', (query) => query.has('code') ? pastePage(`${query.get('code')}#${query.get('state')}`) : refusedPage(query.get('error') ?? 'no code')],
]);

/** What the model says to everything. */
const SAID = 'The model has been asked.';

/** A message of the model, as the vendor streams it. */
function* events({ model }) {
  const usage = { input_tokens: 1, output_tokens: 1 };
  yield { type: 'message_start', message: { id: 'msg_of_the_test', type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null, usage } };
  yield { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } };
  yield { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: SAID } };
  yield { type: 'content_block_stop', index: 0 };
  yield { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage };
  yield { type: 'message_stop' };
}

/** What was said to the model, piece by piece. */
const textsOf = ({ messages }) => messages.filter(({ role }) => role === 'user').flatMap(({ content }) => [content].flat()).map((piece) => piece.text ?? piece);

async function speak({ tell }, request, response) {
  const asked = JSON.parse(await readBody(request, MAX_PROMPT_BYTES));
  tell({ kind: 'prompt', host: CLAUDE_API, texts: textsOf(asked) });
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of events(asked)) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  response.end();
}

const tokenOf = (provider, { authorization = '' }) => provider.AccessToken.find(authorization.replace(/^Bearer /, ''));

/** Answers the paths of both hosts that are no part of OAuth; false for any other. */
export async function answerClaude(site, host, request, response) {
  const { pathname: path, searchParams } = new URL(request.url, `https://${host}`);
  const shows = host === CLAUDE_PLATFORM && PAGES.get(path);
  if (shows) html(response, shows(searchParams));
  if (host !== CLAUDE_API) return Boolean(shows);
  const tells = API.get(path);
  const isPrompt = path === '/v1/messages';
  const token = (tells || isPrompt) && await tokenOf(site.provider, request.headers);
  if (!token) json(response, { error: { message: 'no' } }, tells || isPrompt ? 401 : 404);
  else if (isPrompt) await speak(site, request, response);
  else if (token.scopes.has(TELLING_SCOPE)) json(response, tells(token.accountId));
  else json(response, { error: { message: `OAuth token does not meet scope requirement ${TELLING_SCOPE}` } }, 403);
  return true;
}
