// Figures of signaling: those of the controller alone, without machines, and the guest agent's own.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { binary } from '../e2e/src/harness/controller.mjs';

const DEADLINE_MS = 330_000;
/** How an agent logs an answer: `took_ms` is from the moment that it has the offer until the controller has said that the
 * answer is stored. */
const ANSWERED = /the offer is answered epoch=(\d+) took_ms=(\d+)/g;
const COLOURS = /\u001b\[[0-9;]*m/g;

/** Rounds a second and waiting pages, from a program of their own (bench/signaling). It takes ROUNDS=quick as well. */
export async function controllerAlone() {
  const options = { timeout: DEADLINE_MS, maxBuffer: 1 << 20 };
  const { stdout } = await promisify(execFile)(`${binary()}-bench-signaling`, options);
  return JSON.parse(stdout);
}

/** How long an agent took to answer each epoch's offer, milliseconds: `[epoch, ms]`. */
export function answers(log) {
  return [...log.replace(COLOURS, '').matchAll(ANSWERED)].map(([, epoch, ms]) => [Number(epoch), Number(ms)]);
}
