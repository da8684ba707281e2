// The second part of the run: viewers in networks that are not the server's, through the relay.
import { after } from 'node:test';
import './harness/shaper.test.mjs';
import { NetworkedWorld } from './harness/networked.mjs';
import { networks } from './scenarios/networks.mjs';
import { shaped } from './scenarios/shaped.mjs';

const made = await NetworkedWorld.make();
after(() => made.end(), { timeout: 60_000 });

networks(() => made);
shaped(() => made);
