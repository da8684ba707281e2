// What machines cost that wait for somebody or are being made: their memory, their binding, and what others notice.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../e2e/src/harness/wait.mjs';
import { waiting } from '../e2e/src/scenarios/pool.mjs';
import { look, percent } from './cpu.mjs';

const MADE_AT_ONCE = 10;
const MADE_MS = 120_000;
/** Between two questions of somebody else. */
const ASKED_EVERY_MS = 5;
/** A machine that waits has started its browser within some seconds. */
const WARM_MS = 30_000;
const LOOKED_AT_MS = 300;
/** Of a core: what a browser takes that shows a page at rest is less. */
const RESTING_PERCENT = 5;
const HOST_BYTES = 16 * 1024 ** 3;
/** Never looked at: nobody shows these machines' pictures. */
const SDP = 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AA\r\n';

/** From the stored offer to the agent that heard what its machine is for, ms, by the controller's clock. */
export function binding({ steps }) {
  const at = (wanted) => steps.find(({ step }) => step === wanted).at;
  return at('agent-ready') - at('offer-stored');
}

/** A machine that waits, none of `others`, whose browser is up and rests: its start falls into nothing that is measured. */
export async function warm(world, others) {
  const machine = await waiting(world, others);
  let before = look(world.remains.processesOf(machine));
  await until('the machine that waits rests', WARM_MS, async () => {
    await pause(LOOKED_AT_MS);
    const processes = world.remains.processesOf(machine);
    const after = look(processes);
    const used = percent(before, after).machine;
    before = after;
    // Less than nothing is what processes took that have ended: it still starts.
    return Math.abs(used) < RESTING_PERCENT && processes.some(({ name }) => name === 'chromium');
  });
  return machine;
}

/** Memory of a machine, bytes: each page of its processes, those that it shares by their share (proc(5), smaps_rollup). */
export function proportionalMemory(processes) {
  const kilobytes = processes.map(({ pid }) => {
    try {
      return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      return 0; // the process ended while it was looked at
    }
  });
  return kilobytes.reduce((sum, each) => sum + each, 0) * 1024;
}

/** How many of them fit in a host of 16 GB. */
export const fitting = (bytes) => Math.floor(HOST_BYTES / bytes);

/** How long the controller took to answer others, ms each, from ten clicks at once until all their machines run. */
export async function othersWait(world) {
  const { person } = world;
  const clicks = Array.from({ length: MADE_AT_ONCE }, () => person.call('POST', '/api/vm/auth', { body: { provider: 'codex', webrtcOffer: { offer: { type: 'offer', sdp: SDP }, candidates: [] } } }));
  const waited = [];
  let made = false;
  const asking = (async () => {
    while (!made) {
      const begun = performance.now();
      await person.get('/api/providers');
      waited.push(performance.now() - begun);
      await pause(ASKED_EVERY_MS);
    }
  })();
  const sessions = (await Promise.all(clicks)).map(({ json }) => json.sessionId);
  const created = async (id) => (await person.session(id)).steps.some(({ step }) => step === 'machine-created');
  await until(`${MADE_AT_ONCE} machines run`, MADE_MS, async () => (await Promise.all(sessions.map(created))).every(Boolean));
  made = true;
  await asking;
  for (const id of sessions) await person.call('DELETE', `/api/session/${id}`);
  await until('they are gone', MADE_MS, () => world.remains.everything().length === 0);
  return waited;
}
