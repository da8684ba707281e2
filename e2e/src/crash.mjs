// The part of the run that kills the product while machines are made of namespaces.
import { imageTree } from './harness/image.mjs';
import { survivesKills } from './scenarios/crash.mjs';

const KILLS = Number(process.env.KILLS ?? 200);

// Making a machine takes 40 ms, binding one a commit, destroying one 30 ms.
survivesKills('', { kills: KILLS, latestMs: 120, driver: { image: imageTree() } });
