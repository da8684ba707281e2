// The part of the run whose machines run the CLIs that are connected.
import { after } from 'node:test';
import { OwnBrowser } from './harness/own-browser.mjs';
import { World } from './harness/world.mjs';
import { agents } from './scenarios/agents.mjs';
import { health } from './scenarios/health.mjs';
import { programs } from './scenarios/programs.mjs';
import { runCredentials } from './scenarios/run-credentials.mjs';
import { runPages } from './scenarios/run-pages.mjs';
import { RUN_FILES, RUN_PROVIDERS } from './scenarios/run-providers.mjs';
import { runShell } from './scenarios/run-shell.mjs';
import { runs } from './scenarios/runs.mjs';
import { silence } from './scenarios/silence.mjs';
import { versions } from './scenarios/versions.mjs';

const made = await World.make({ providers: RUN_PROVIDERS, files: RUN_FILES });
const world = () => made;
after(() => made.end(), { timeout: 60_000 });
const own = OwnBrowser.start(made.issuer);
after(async () => (await own).stop());

runs(world, own);
runCredentials(world, own);
runPages(world, own);
runShell(world, own);
versions(world, own);
health(world, own);
programs(world, own);
agents(world, own);
silence(world);
