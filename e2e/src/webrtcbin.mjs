// The third part of the run: what depends on the media engine, on the one that is not the default. `ENGINE=webrtcbin`
// runs the other parts on it as well.
import { after } from 'node:test';
import { nameAll } from './harness/scenario.mjs';
import { World } from './harness/world.mjs';
import { FILES, PROVIDERS } from './scenarios/providers.mjs';
import { vp8 } from './scenarios/signaling.mjs';
import { reconnects } from './scenarios/survives.mjs';
import { players } from './scenarios/whep.mjs';

const made = await World.make({ providers: PROVIDERS, files: FILES, engine: 'webrtcbin' });
const world = () => made;
after(() => made.end(), { timeout: 60_000 });

nameAll('on webrtcbin');
reconnects(world);
vp8(world);
players(world);
