// The pages' side of a sign-in: who is it, and may the CLI have it. Every answer is a person's.
import { passwordIsRight } from './accounts.mjs';
import { html, readForm } from './forms.mjs';
import { consentPage, loginPage } from './pages.mjs';
import { grantAll } from './provider.mjs';
import { nameOf, VENDORS } from './vendors.mjs';

async function show({ host, provider, tell }, request, response, uid) {
  const { prompt, params } = await provider.interactionDetails(request, response);
  const client = nameOf(VENDORS[host], params.client_id);
  tell({ kind: 'page', host, page: prompt.name, client });
  html(response, prompt.name === 'login' ? loginPage(host, uid, false) : consentPage(client, uid));
}

async function login({ host, provider, tell }, request, response, uid) {
  const form = await readForm(request);
  const user = form.get('user') ?? '';
  const password = form.get('password') ?? '';
  const right = passwordIsRight(user, password);
  tell({ kind: 'login', host, user, password, right });
  if (!right) return html(response, loginPage(host, uid, true));
  return provider.interactionFinished(request, response, { login: { accountId: user } });
}

async function consent({ host, provider, tell }, request, response) {
  const answer = (await readForm(request)).get('answer');
  tell({ kind: 'consent', host, answer });
  if (answer !== 'allow') {
    const result = { error: 'access_denied', error_description: 'the person said no' };
    return provider.interactionFinished(request, response, result);
  }
  const details = await provider.interactionDetails(request, response);
  const result = { consent: { grantId: await grantAll(provider, details) } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

/** Answers the paths below /interaction/; false for any other. */
export async function interact(site, request, response) {
  const [, root, uid, action] = new URL(request.url, `https://${site.host}`).pathname.split('/');
  if (root !== 'interaction' || !uid) return false;
  if (request.method === 'GET' && !action) await show(site, request, response, uid);
  else if (request.method === 'POST' && action === 'login') await login(site, request, response, uid);
  else if (request.method === 'POST' && action === 'consent') await consent(site, request, response);
  else response.writeHead(404).end();
  return true;
}
