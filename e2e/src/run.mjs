// The whole run: one world, all scenarios one after the other, the runner's closing lines. `ONLY=words` runs those
// scenarios whose names have the words.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const parts = ['main.mjs', 'runs.mjs', 'networks.mjs', 'webrtcbin.mjs', 'webrtcbin-relayed.mjs', 'crash.mjs', 'virtual.mjs', 'virtual-crash.mjs', 'harness/own-browser.test.mjs'].map((part) => fileURLToPath(new URL(part, import.meta.url)));
const only = process.env.ONLY ? ['--test-name-pattern', process.env.ONLY] : [];
const { status } = spawnSync(process.execPath, ['--test', '--test-concurrency=1', '--test-reporter=spec', ...only, ...parts], { stdio: 'inherit' });
process.exit(status ?? 1);
