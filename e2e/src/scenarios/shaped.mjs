// Slow and lossy networks, between the viewer and the relay: the picture stays usable, the queue short, and the rate
// comes back when the limit goes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { installEye, UNSEEN_MS } from '../../../bench/eye.mjs';
import { Attempt } from '../harness/attempt.mjs';
import { scenario } from '../harness/scenario.mjs';
import { until } from '../harness/wait.mjs';
import { way } from './networks.mjs';

const SHAPER = fileURLToPath(new URL('../harness/shaper.mjs', import.meta.url));
const PORT = 9999;
const CLICKS = 40;
const PAUSE_MS = 300;

/** The shaper at work in the router, which sends the relay's datagrams to it. */
class Shaped {
  static async start({ networks, relayPort }) {
    const shaped = new Shaped();
    const { router, server } = networks;
    shaped.process = spawn('ip', ['netns', 'exec', router, process.execPath, SHAPER, String(PORT), server.v4, String(relayPort)], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(shaped.process.stdout, 'data');
    await networks.route({ prerouting: [`iifname "in" meta l4proto udp ip daddr ${server.v4} udp dport ${relayPort} redirect to :${PORT}`], forward: ['meta l4proto tcp tcp dport ' + relayPort + ' drop'] });
    return shaped;
  }

  set(settings) {
    this.process.stdin.write(`${JSON.stringify(settings)}\n`);
  }

  async stop() {
    this.process.stdin.end();
    await once(this.process, 'exit');
  }
}

async function stage(networked, provider, track) {
  const attempt = await Attempt.begin(networked.at(), provider, track);
  const block = await attempt.desktop.sees('stageOff');
  await attempt.page.evaluate(installEye, UNSEEN_MS);
  assert.deepEqual((await way(attempt.page)).relay, 'udp');
  return { attempt, block };
}

/** Milliseconds from each click to its pixel; null when it was not seen within 4 s. */
async function clicks({ attempt, block }) {
  const took = [];
  for (let round = 0; round < CLICKS; round += 1) {
    await attempt.page.evaluate((where) => globalThis.__eye.arm(where), { x: block.x + 40, y: block.y + 40 });
    await attempt.desktop.click({ ...block, x: block.x - 40, y: block.y - 40 });
    took.push(await attempt.page.evaluate(() => globalThis.__eye.result()));
    await pause(PAUSE_MS);
  }
  return took;
}

const p95 = (values) => values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1];

/** What the viewer receives, kilobits a second, over some seconds. */
async function received(page, seconds) {
  const bytes = () => page.evaluate(async () => {
    const peer = globalThis.__probe.peers.findLast(({ connectionState }) => connectionState === 'connected');
    const stats = [...(await peer.getStats()).values()].find(({ type }) => type === 'inbound-rtp');
    return { bytes: stats.bytesReceived, at: performance.now() };
  });
  const before = await bytes();
  await pause(seconds * 1000);
  const after = await bytes();
  return ((after.bytes - before.bytes) * 8) / (after.at - before.at);
}

export function shaped(made) {
  const on = (name, body) => scenario(name, () => made().world, async (_world, track) => {
    const shaper = await Shaped.start(made());
    try {
      await body(made(), shaper, track);
    } finally {
      await shaper.stop();
    }
  });

  for (const [words, settings, deadline] of [
    ['2 Mbit/s, 2 % loss and 100 ms there and back', { kbps: 2000, loss: 0.02, delayMs: 50 }, 3 * 100 + 200],
    ['2 Mbit/s and 10 % loss', { kbps: 2000, loss: 0.1 }, 1000],
    ['500 kbit/s', { kbps: 500 }, 1000],
  ]) {
    on(`with ${words} each click is seen, within ${deadline} ms at p95`, async (networked, shaper, track) => {
      const opened = await stage(networked, 'click', track);
      shaper.set(settings);
      const took = await clicks(opened);
      assert.ok(!took.includes(null), `unseen: ${took.filter((one) => one === null).length} of ${CLICKS}`);
      assert.ok(p95(took) <= deadline, `p95 ${Math.round(p95(took))} ms of ${took.map(Math.round)}`);
    });
  }

  on('a limit of 500 kbit/s is kept to, and the rate comes back when it goes', async (networked, shaper, track) => {
    const opened = await stage(networked, 'scroll', track);
    const { page } = opened.attempt;
    const free = await until('the rate has grown', 45_000, async () => {
      const kbps = await received(page, 1);
      return kbps > 2500 && kbps;
    });
    shaper.set({ kbps: 500, delayMs: 10 });
    await until('the rate has shrunk', 15_000, async () => (await received(page, 1)) < 520);
    shaper.set({});
    await until('the rate is back', 60_000, async () => {
      const kbps = await received(page, 1);
      return kbps > free * 0.7;
    });
  });
}
