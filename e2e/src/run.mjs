// The whole run: one world, all scenarios one after the other, the runner's closing lines. `ONLY=words` runs those
// scenarios whose names have the words.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('main.mjs', import.meta.url));
const only = process.env.ONLY ? ['--test-name-pattern', process.env.ONLY] : [];
const { status } = spawnSync(process.execPath, ['--test-reporter=spec', ...only, main], { stdio: 'inherit' });
process.exit(status ?? 1);
