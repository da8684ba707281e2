// Providers that only the tests of runs have: a shell in a CLI's place, with the product's own files for all else, and CLIs that end
// as CLIs may. Those that need no issuer are connected by a script that writes a credential of Codex's shape.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const product = (id) => readFileSync(fileURLToPath(new URL(`../../../providers/${id}.toml`, import.meta.url)), 'utf8');

/** A prompt that no start-up file changes. */
const SHELL = `
[run]
command = ["bash", "--norc", "--noprofile"]
environment = { PS1 = "ready> " }
`;

/** The product's file, with a shell in which its CLI is called; it is checked as ever. */
const asShell = (id) => product(id)
  .replace(/^id = .*$/m, `id = "${id}-shell"`)
  .replace(/^name = "(.*)"$/m, 'name = "$1 in a shell"')
  .replace(/^\[run(\.[a-z]+)?\]\n(?:[^[\n].*\n|\n)*/gm, '') + SHELL + /^check = .*$/m.exec(product(id))[0];

const CONNECTS = '/opt/stage/connects';
export const VIM = '/opt/stage/vim';

const scripted = (id, run) => `
id = "${id}"
name = "Scripted ${id}"
vendor = "End-to-end tests"
description = "A provider of the end-to-end tests."

[install]
npm = "none"
version = "0.0.0"
commands = []

[login]
url_hosts = ["auth.openai.com"]
timeout_seconds = 60

[[login.methods]]
kind = "device"
command = ["${CONNECTS}"]
code = '[A-Z0-9]{4}-[A-Z0-9]{5}'

[credential]
settle_ms = 300
rotates = true
freshness = { file = ".codex/auth.json", pointer = "/last_refresh" }

[[credential.files]]
path = ".codex/auth.json"
format = "json"
not_blank = ["/tokens/id_token", "/tokens/access_token", "/tokens/refresh_token"]
${run}`;

/** From id to the file's text. */
export const RUN_PROVIDERS = {
  shell: scripted('shell', SHELL),
  'second-shell': scripted('second-shell', SHELL),
  'ends-at-once': scripted('ends-at-once', '\n[run]\ncommand = ["false"]\n'),
  'never-starts': scripted('never-starts', '\n[run]\ncommand = ["no-such-command"]\n'),
  'codex-shell': asShell('codex'),
  'wrangler-shell': asShell('wrangler'),
  'github-cli-shell': asShell('github-cli'),
};

/** A credential of Codex's shape, issued now unless it says otherwise. `name` stands in its tokens. */
export const credentialText = (name, issued = new Date().toISOString()) => JSON.stringify({
  tokens: { id_token: `id-token-${name}`, access_token: `access-token-${name}`, refresh_token: `refresh-token-${name}` },
  last_refresh: issued,
});

/** What `connects` leaves, and Debian's smallest Vim, which is in no machine by itself. */
export const RUN_FILES = [{
  path: CONNECTS,
  mode: 0o755,
  contents: `#!/bin/sh\nmkdir -p .codex\ncat > .codex/auth.json << END\n${credentialText('of-the-sign-in', '$(date --utc +%FT%T.%3NZ)')}\nEND\n`,
}, {
  path: VIM,
  mode: 0o755,
  // What is added to machines is text.
  contents: `#!/bin/sh
[ -x .vim ] || { base64 -d > .vim << END && chmod +x .vim; }
${readFileSync('/usr/bin/vim.tiny').toString('base64')}
END
exec ./.vim "$@"
`,
}];
