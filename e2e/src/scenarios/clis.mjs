// The real CLIs: where each has its tokens from, what it writes of them, and how it says that it takes what it has written.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { imageTree } from '../harness/image.mjs';
import { ACCOUNTS } from '../issuer/accounts.mjs';
import { CLAUDE, CODEX, WRANGLER } from '../issuer/hosts.mjs';

const { email } = ACCOUNTS.ada;
const json = (files, name) => JSON.parse(files.get(name));
const inToml = (text, key) => new RegExp(`^${key} = "(.*)"$`, 'm').exec(text)?.[1];

/**
 * From a provider's id to its CLI. `tokens` are those in the files that the vault opened, under the issuer's names; `account` is
 * what the card shows; `status` is what the CLI says of itself where it can without a network: its command below the image's
 * directory of our own, and what is expected.
 * @type {Record<string, {name: string, issuer: string, account?: string, tokens: (files: Map<string, Buffer>) => Record<string, string>,
 *   status?: {command: (directory: string) => string[], environment?: (home: string) => Record<string, string>, says: RegExp}}>}
 */
export const CLIS = {
  codex: {
    name: 'Codex',
    issuer: CODEX,
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
    tokens(files) {
      const text = files.get('.config/.wrangler/config/default.toml').toString();
      return { access_token: inToml(text, 'oauth_token'), refresh_token: inToml(text, 'refresh_token') };
    },
  },
  'claude-code': {
    name: 'Claude Code',
    issuer: CLAUDE,
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
};

/** What the real CLI, from the machines' own image and without a network, says of the files in a home directory. */
export function statusOf(id, home) {
  const { command, environment = () => ({}) } = CLIS[id].status;
  const env = { HOME: home, PATH: process.env.PATH, ...environment(home) };
  const { stdout, stderr } = spawnSync('unshare', ['--net', ...command(path.join(imageTree(), 'opt/anteroom'))], { env, encoding: 'utf8' });
  return `${stdout}${stderr}`;
}
