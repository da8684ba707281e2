// The fourth part of the run: the media engine that is not the default, through the relay and a slow network.
import { after } from 'node:test';
import { NetworkedWorld } from './harness/networked.mjs';
import { nameAll } from './harness/scenario.mjs';
import { relayed } from './scenarios/networks.mjs';

const made = await NetworkedWorld.make({ engine: 'webrtcbin' });
after(() => made.end(), { timeout: 60_000 });

nameAll('on webrtcbin');
relayed(() => made);
