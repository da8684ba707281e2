// Providers that only the tests have: the product's own file for Codex with less time, and programs that fail as a CLI
// may. Their credential is none that anybody could save.

const rest = (id, name, command, seconds) => `
id = "${id}"
name = "${name}"
vendor = "End-to-end tests"
description = "A provider of the end-to-end tests."

[install]
npm = "none"
version = "0.0.0"
commands = []

[login]
command = ${JSON.stringify(command)}
url_hosts = ["auth.openai.com", "stage.anteroom.test"]
timeout_seconds = ${seconds}

[login.environment]
CODEX_HOME = "{home}/.codex"

[[login.files]]
path = ".codex/config.toml"
content = 'cli_auth_credentials_store = "file"'

[credential]
settle_ms = 300
rotates = true

[[credential.files]]
path = ".codex/auth.json"
format = "json"
not_blank = ["/tokens/refresh_token"]
`;

const STAGE = '/opt/stage/open';

/** From id to the file's text. */
export const PROVIDERS = {
  'codex-hurried': rest('codex-hurried', 'Codex, hurried', ['codex', 'login'], 12),
  absent: rest('absent', 'Absent', ['no-such-command'], 60),
  'empty-handed': rest('empty-handed', 'Empty-handed', ['true'], 60),
  click: rest('click', 'Click stage', [STAGE, 'click'], 3600),
  scroll: rest('scroll', 'Scroll stage', [STAGE, 'scroll'], 3600),
};

/** The program that opens a page of the stage as a CLI would open its sign-in page, and stays. */
export const FILES = [{
  path: STAGE,
  mode: 0o755,
  contents: '#!/bin/sh\nxdg-open "https://stage.anteroom.test/$1"\nexec sleep 3600\n',
}];
