// The real CLIs: where each has its tokens from, what it writes of them, and how it says that it takes what it has written.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { imageTree } from '../harness/image.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';
import { CLAUDE, CODEX, GITHUB, GOOGLE, WRANGLER } from '../issuer/hosts.mjs';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const { email } = ACCOUNTS.ada;
const json = (files, name) => JSON.parse(files.get(name));
const inToml = (text, key) => new RegExp(`^${key} = "(.*)"$`, 'm').exec(text)?.[1];

/** In YAML of one level below a host. */
const inYaml = (text, key) => new RegExp(`^ +${key}: (.*)$`, 'm').exec(text)?.[1];

/**
 * From a provider's id to its CLI. `desktop` says whether it has that method; `denied` is how it ends when a person says no,
 * `asks-again` where it does not. `tokens` are those in the files that the vault opened, under the issuer's names; `account` is
 * what the card shows; `days` is how long its credential works, where that is known; `status` is what the CLI says of itself
 * where it can without a network: its command below the image's directory of our own, and what is expected.
 * @type {Record<string, {name: string, issuer: string, desktop: boolean, denied?: string, account?: string, days?: number, tokens: (files: Map<string, Buffer>) => Record<string, string>,
 *   status?: {command: (directory: string) => string[], environment?: (home: string) => Record<string, string>, says: RegExp}}>}
 */
export const CLIS = {
  codex: {
    name: 'Codex',
    issuer: CODEX,
    desktop: true,
    account: email,
    tokens(files) {
      const { access_token, refresh_token, id_token } = json(files, '.codex/auth.json').tokens;
      return { access_token, refresh_token, id_token };
    },
    status: {
      command: (directory) => [`${directory}/bin/node`, `${directory}/cli/codex/node_modules/.bin/codex`, 'login', 'status'],
      environment: (home) => ({ CODEX_HOME: path.join(home, '.codex') }),
      says: /Logged in using ChatGPT/,
    },
  },
  wrangler: {
    name: 'Wrangler',
    issuer: WRANGLER,
    desktop: true,
    tokens(files) {
      const text = files.get('.config/.wrangler/config/default.toml').toString();
      return { access_token: inToml(text, 'oauth_token'), refresh_token: inToml(text, 'refresh_token') };
    },
  },
  'claude-code': {
    name: 'Claude Code',
    issuer: CLAUDE,
    desktop: true,
    account: email,
    tokens(files) {
      const { accessToken, refreshToken } = json(files, '.claude/.credentials.json').claudeAiOauth;
      return { access_token: accessToken, refresh_token: refreshToken };
    },
    status: {
      command: (directory) => [`${directory}/bin/claude`, 'auth', 'status'],
      says: new RegExp(`"loggedIn": true[^]*"email": "${email}"`),
    },
  },
  'claude-code-token': {
    name: 'Claude Code (token)',
    issuer: CLAUDE,
    desktop: true,
    denied: 'asks-again',
    days: 365,
    tokens: (files) => ({ access_token: files.get('.claude/setup-token').toString() }),
    status: {
      command: (directory) => [`${directory}/bin/claude`, 'auth', 'status'],
      environment: (home) => ({ CLAUDE_CODE_OAUTH_TOKEN: readFileSync(path.join(home, '.claude/setup-token'), 'utf8') }),
      says: /"loggedIn": true[^]*"authMethod": "oauth_token"/,
    },
  },
  'gemini-cli': {
    name: 'Gemini CLI',
    issuer: GOOGLE,
    desktop: true,
    // It ends with 0 though somebody said no.
    denied: 'credential-missing',
    account: email,
    tokens(files) {
      const { access_token, refresh_token } = json(files, '.gemini/oauth_creds.json');
      return { access_token, refresh_token };
    },
  },
  firebase: {
    name: 'Firebase CLI',
    issuer: GOOGLE,
    desktop: true,
    account: email,
    tokens(files) {
      const { access_token, refresh_token, id_token } = json(files, '.config/configstore/firebase-tools.json').tokens;
      return { access_token, refresh_token, id_token };
    },
    status: {
      command: (directory) => [`${directory}/bin/node`, `${directory}/cli/firebase/node_modules/.bin/firebase`, 'login:list'],
      says: new RegExp(`^Logged in as ${email}$`, 'm'),
    },
  },
  'github-cli': {
    name: 'GitHub CLI',
    issuer: GITHUB,
    desktop: false,
    account: 'ada',
    tokens: (files) => ({ access_token: inYaml(files.get('.config/gh/hosts.yml').toString(), 'oauth_token') }),
    status: {
      command: (directory) => [path.join(directory, '../../usr/bin/gh'), 'auth', 'token'],
      says: /^\S{20,}$/m,
    },
  },
  'copilot-cli': {
    name: 'Copilot CLI',
    issuer: GITHUB,
    desktop: false,
    tokens: (files) => ({ access_token: /"(gh[ou]_[^"]+|[\w-]{40,})"/.exec(files.get('.copilot/config.json').toString())?.[1] }),
  },
};

/** Those that sign in on a desktop. */
export const DESKTOP_CLIS = Object.entries(CLIS).filter(([, { desktop }]) => desktop);

/** The tokens in the files are those that the issuer has handed out last, since then. */
export function assertTokens(world, provider, files, since = 0) {
  const { issuer, tokens } = CLIS[provider];
  const issued = world.issuer.events.slice(since).findLast((event) => event.kind === 'tokens' && event.host === issuer);
  assert.ok(issued, `${issuer} has handed out no token`);
  for (const [name, token] of Object.entries(tokens(files))) assert.ok(token && token === issued.body[name], name);
}

/** The API says when the credential stops working, or nothing where that is not known. */
export function assertLife(provider, { savedAt, expiresAt }) {
  const { days } = CLIS[provider];
  if (days === undefined) assert.equal(expiresAt ?? undefined, undefined);
  else assert.ok(Math.abs(expiresAt - savedAt - days * DAY_MS) < MINUTE_MS, `${savedAt} to ${expiresAt}`);
}

/** A home directory as the CLI left it, below this one. */
export function homeWith(directory, provider, files) {
  const home = path.join(directory, 'opened', provider);
  for (const [file, bytes] of files) {
    mkdirSync(path.dirname(path.join(home, file)), { recursive: true, mode: 0o700 });
    writeFileSync(path.join(home, file), bytes, { mode: 0o600 });
  }
  return home;
}

/** What the real CLI, from the machines' own image and without a network, says of the files in a home directory. */
export function statusOf(id, home) {
  const { command, environment = () => ({}) } = CLIS[id].status;
  const env = { HOME: home, PATH: process.env.PATH, ...environment(home) };
  const { stdout, stderr } = spawnSync('unshare', ['--net', ...command(path.join(imageTree(), 'opt/anteroom'))], { env, cwd: home, encoding: 'utf8' });
  return `${stdout}${stderr}`;
}
