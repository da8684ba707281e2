// Providers that only the tests have: the product's own file for Codex with less time, and programs that fail as a CLI
// may. Their credential is none that anybody could save.

const rest = (id, name, command, seconds, urlHosts = ['auth.openai.com', 'stage.anteroom.test']) => `
id = "${id}"
name = "${name}"
vendor = "End-to-end tests"
description = "A provider of the end-to-end tests."

[install]
npm = "none"
version = "0.0.0"
commands = []

[login]
url_hosts = ${JSON.stringify(urlHosts)}
timeout_seconds = ${seconds}

[login.environment]
CODEX_HOME = "{home}/.codex"

[[login.files]]
path = ".codex/config.toml"
content = 'cli_auth_credentials_store = "file"'

[[login.methods]]
kind = "desktop"
command = ${JSON.stringify(command)}

[credential]
settle_ms = 300
rotates = true

[[credential.files]]
path = ".codex/auth.json"
format = "json"
not_blank = ["/tokens/refresh_token"]
`;

const STAGE = '/opt/stage/open';
const NEEDS_STAGE = '/opt/stage/needs';

/** From id to the file's text. */
export const PROVIDERS = {
  'codex-hurried': rest('codex-hurried', 'Codex, hurried', ['codex', 'login'], 12),
  absent: rest('absent', 'Absent', ['no-such-command'], 60),
  'empty-handed': rest('empty-handed', 'Empty-handed', ['true'], 60),
  click: rest('click', 'Click stage', [STAGE, 'click'], 3600),
  'needs-stage': rest('needs-stage', 'Needs the stage', [NEEDS_STAGE], 600, ['auth.openai.com']),
  scroll: rest('scroll', 'Scroll stage', [STAGE, 'scroll'], 3600),
};

/** The program that opens a page of the stage as a CLI would open its sign-in page, and stays; and one that has no credential
 * before it has reached a host that is on nobody's list. */
export const FILES = [{
  path: STAGE,
  mode: 0o755,
  contents: '#!/bin/sh\nxdg-open "https://stage.anteroom.test/$1"\nexec sleep 3600\n',
}, {
  path: NEEDS_STAGE,
  mode: 0o755,
  contents: `#!/usr/bin/env node
const { get } = require('node:https');
const { writeFileSync } = require('node:fs');
const again = () => setTimeout(ask, 500);
const ask = () => get('https://stage.anteroom.test/click', ({ statusCode }) => {
  if (statusCode !== 200) return again();
  writeFileSync(process.env.HOME + '/.codex/auth.json', JSON.stringify({ tokens: { refresh_token: 'had-of-the-stage' } }));
  process.exit(0);
}).on('error', again);
ask();
`,
}];
