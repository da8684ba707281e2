// The issuer's process: one TLS listener in front of all sites, in a network namespace of the run. It tells its
// parent what happens (over node's IPC channel); nothing that it knows is written to a file.
//
// Arguments: address, port, certificate file, key file.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { jsonToForm } from './adapter.mjs';
import { answerClaude } from './claude.mjs';
import { answerCloudflare } from './cloudflare.mjs';
import { answerCodex } from './codex.mjs';
import { answerFirebase } from './firebase.mjs';
import { html } from './forms.mjs';
import { answerGithub } from './github.mjs';
import { answerGoogle } from './google.mjs';
import * as hosts from './hosts.mjs';
import { interact } from './interaction.mjs';
import { live } from './lifetimes.mjs';
import { endPage } from './pages.mjs';
import { makeProvider } from './provider.mjs';
import { stage } from './stage.mjs';
import { VENDORS } from './vendors.mjs';

const [address, port, certificate, key] = process.argv.slice(2);
const tell = (message) => process.send?.(message);

const sites = new Map(Object.keys(VENDORS).map((host) => {
  const provider = makeProvider(host, tell);
  return [host, { host, provider, tell, callback: provider.callback() }];
}));
// One vendor, several hosts: a token of one is known to the others.
for (const host of [hosts.CLAUDE_PLATFORM, hosts.CLAUDE_API]) sites.set(host, sites.get(hosts.CLAUDE));
for (const host of [hosts.GOOGLE_TOKENS, hosts.GOOGLE_API, hosts.GOOGLE_CODE, hosts.GOOGLE_PLAN, hosts.FIREBASE_PAGES, hosts.FIREBASE_API, hosts.FIREBASE_NEWS]) sites.set(host, sites.get(hosts.GOOGLE));
sites.set(hosts.WRANGLER_API, sites.get(hosts.WRANGLER));
sites.set(hosts.GITHUB_API, sites.get(hosts.GITHUB));

/** Where CLIs send the browser when they have finished. */
const ENDS = new Set([hosts.WRANGLER_END, hosts.GOOGLE_END]);

/** What vendors have beside OAuth, and their own notation of it. Each says whether it has answered. */
const OWN = [answerClaude, answerCloudflare, answerCodex, answerFirebase, answerGithub, answerGoogle];

/** NetSurf takes no cookie for a path below which it was not set (RFC 2109, 4.3.2); everybody else does since RFC 6265. */
function widenCookies(request, response) {
  if (!/^NetSurf\//.test(request.headers['user-agent'] ?? '')) return;
  const plain = response.setHeader.bind(response);
  response.setHeader = (name, value) => plain(name, name.toLowerCase() === 'set-cookie' ? [value].flat().map((cookie) => cookie.replace(/; path=[^;]*/i, '; path=/')) : value);
}

async function answer(request, response) {
  widenCookies(request, response);
  const host = (request.headers.host ?? '').split(':')[0];
  tell({ kind: 'request', host, method: request.method, path: request.url.split('?')[0] });
  if (host === hosts.STAGE) return stage(request, response);
  if (ENDS.has(host)) return html(response, endPage('You may close this window'));
  const site = sites.get(host);
  if (!site) return response.writeHead(421).end();
  for (const own of OWN) if (await own(site, host, request, response)) return undefined;
  if (await interact(site, request, response)) return undefined;
  await jsonToForm(request);
  return site.callback(request, response);
}

const server = https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) => {
  answer(request, response).catch((error) => {
    tell({ kind: 'refused', host: request.headers.host, event: 'page', error: error.name, description: error.message });
    if (!response.headersSent) response.writeHead(500);
    response.end();
  });
});
process.on('message', ({ seconds }) => {
  live(seconds);
  tell({ kind: 'ordered' });
});
// The parent's end is this process's end: it must not outlive the run.
process.on('disconnect', () => process.exit(0));
server.listen(Number(port), address, () => tell({ kind: 'listening' }));
