// All scenarios in one process, in this order, on one world.
import { after } from 'node:test';
import '../../bench/bounds.test.mjs';
import '../../bench/statistics.test.mjs';
import '../../bench/signaling.test.mjs';
import './harness/secrets.test.mjs';
import './harness/wait.test.mjs';
import { World } from './harness/world.mjs';
import { access } from './scenarios/access.mjs';
import { ends } from './scenarios/ends.mjs';
import { hosts } from './scenarios/hosts.mjs';
import { machines } from './scenarios/machines.mjs';
import { methods } from './scenarios/methods.mjs';
import { pool } from './scenarios/pool.mjs';
import { privileges } from './scenarios/privileges.mjs';
import { FILES, PROVIDERS } from './scenarios/providers.mjs';
import { queue } from './scenarios/queue.mjs';
import { refusals } from './scenarios/refusals.mjs';
import { shell } from './scenarios/shell.mjs';
import { signaling } from './scenarios/signaling.mjs';
import { signIns } from './scenarios/sign-in.mjs';
import { silence } from './scenarios/silence.mjs';
import { survives } from './scenarios/survives.mjs';
import { walls } from './scenarios/walls.mjs';
import { whep } from './scenarios/whep.mjs';

// Made before anything is registered: without it no scenario has anything to say.
const made = await World.make({ providers: PROVIDERS, files: FILES });
const world = () => made;
after(() => made.end(), { timeout: 60_000 });

access(world);
refusals(world);
signIns(world);
ends(world);
privileges(world);
survives(world);
pool(world);
machines(world);
queue(world);
hosts(world);
signaling(world);
whep(world);
walls(world);
// These change what Connect takes.
methods(world);
shell(world);
silence(world);
