// The part of the run whose machines are virtual: cloned from a template, emulated where the host can't run guests
// (`ACCEL=kvm` for one that can).
import { after } from 'node:test';
import { lightTree } from './harness/light.mjs';
import { World } from './harness/world.mjs';
import { virtualSignIn } from './scenarios/virtual.mjs';

const DESKTOP = { width: 800, height: 600 };
const DEADLINES = { machine_ms: 300_000, agent_ms: 120_000, answer_ms: 120_000 };

const made = await World.make({ image: lightTree(), desktop: DESKTOP, deadlines: DEADLINES, driver: process.env.DRIVER ?? 'qemu', accelerator: process.env.ACCEL ?? 'tcg' });
const world = () => made;
after(() => made.end(), { timeout: 60_000 });

virtualSignIn(world);
