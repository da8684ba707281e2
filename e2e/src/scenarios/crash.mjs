// Crash-only: the controller, the helper that makes machines, or both are killed between any two instructions while
// machines are made, bound and destroyed. Whatever a person was told is still true after the restart, and at the end nothing
// is left on the host. The moments follow from a seed, which is printed: `SEED=n KILLS=200 node src/crash.mjs`, or
// `src/virtual-crash.mjs` with virtual machines.
//
// Machines here have an agent that only stays: what it would say is other tests' matter, and hundreds of machines are made.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as passed } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { network, table } from '../harness/config.mjs';
import { Controller, freePort } from '../harness/controller.mjs';
import { Person } from '../harness/http.mjs';
import { giveToUser, Machined } from '../harness/machined.mjs';
import { Remains } from '../harness/remains.mjs';
import { until } from '../harness/wait.mjs';

const SEED = Number(process.env.SEED ?? randomInt(2 ** 31));
/** Sign-ins at once; some more machines are on their way out. */
const SIGN_INS = 4;
const MACHINES = 16;
/** A machine whose making is interrupted three times is given up, which is another test's matter. */
const INTERRUPTED_AT_MOST = 2;
const GONE_MS = 60_000;
/** It makes a desktop of nothing where the machine is booted, and stays where it is bound. */
const AGENT = `#!/bin/sh
case "$1" in
desktop) echo ready && exec sleep infinity ;;
warm) exit ;;
esac
while :; do sleep 1000; done
`;
const OUT = fileURLToPath(new URL('../../out', import.meta.url));
const SDP = 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AA\r\n';

/** Numbers below one, the same for the same seed (mulberry32, public domain). */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The product with machines of almost nothing, and what the person knows of it. */
class Crashing {
  /** Session ids, with whether the person was told that it is cancelled, or asked for that. */
  sessions = new Map();
  /** What was asked without hearing the answer. It is asked again, with the same key. */
  unanswered = [];
  made = 0;

  static async make(driver) {
    const world = new Crashing();
    mkdirSync(OUT, { recursive: true });
    world.directory = mkdtempSync(path.join(os.tmpdir(), 'anteroom-crash-'));
    world.net = network();
    world.remains = new Remains(world.net);
    const port = await freePort();
    const config = path.join(world.directory, 'anteroom.toml');
    writeFileSync(config, world.#config(port, driver));
    giveToUser(world.directory);
    world.machined = new Machined(config, path.join(OUT, 'crash-machined.log'));
    world.controller = new Controller(config, `http://127.0.0.1:${port}`, path.join(OUT, 'crash-controller.log'));
    await world.machined.start();
    await world.controller.start();
    world.person = await Person.open(world.controller.link);
    return world;
  }

  #config(port, { image, ...driver }) {
    const agent = path.join(this.directory, 'agent');
    writeFileSync(agent, AGENT, { mode: 0o755 });
    const { instance, devicePrefix, pool, gateway, guestPort, runDir, firstUid } = this.net;
    return [
      table('', { listen: `127.0.0.1:${port}`, data_dir: path.join(this.directory, 'data'), image, guest_binary: agent }).replace('[]\n', ''),
      table('machines', { max: MACHINES, per_owner: MACHINES, pool: 1, socket: path.join(this.directory, 'socket'), run_dir: runDir, first_uid: firstUid, ...driver }),
      table('network', { instance, device_prefix: devicePrefix, pool, gateway, guest_port: guestPort, resolvers: [] }),
      table('relay', { listen: ['127.0.0.1:0'] }),
      // Its agent never speaks; nothing here ends because of that.
      table('deadlines', { agent_ms: 3_600_000 }),
      table('log', { format: 'text', filter: 'info' }),
    ].join('\n');
  }

  living() {
    return [...this.sessions].filter(([, told]) => told === 'lives').map(([id]) => id);
  }

  /** Asks for a sign-in. Whether it was stored is known when the answer is heard, or when it was asked again. */
  async connect(key = randomUUID()) {
    const body = { provider: 'codex', webrtcOffer: { offer: { type: 'offer', sdp: SDP }, candidates: [] } };
    const reply = await this.#heard(() => this.person.call('POST', '/api/vm/auth', { body, headers: { 'idempotency-key': key } }), () => this.connect(key));
    if (!reply) return;
    assert.ok([200, 201].includes(reply.status), `a sign-in was refused: ${reply.status} ${reply.text}`);
    this.sessions.set(reply.json.sessionId, 'lives');
    this.made += 1;
  }

  /** A cancel whose answer was lost is answered with what came of it. */
  async cancel(id, repeated = false) {
    this.sessions.set(id, 'asked');
    const reply = await this.#heard(() => this.person.call('DELETE', `/api/session/${id}`), () => this.cancel(id, true));
    if (!reply) return;
    const cancelled = reply.status < 300 || (repeated && reply.status === 410 && reply.json.reason.code === 'cancelled-by-person');
    assert.ok(cancelled, `a cancel was refused: ${reply.status} ${reply.text}`);
    this.sessions.set(id, 'cancelled');
  }

  /** The reply, or nothing when the controller went before it was heard; then it is asked `again` later. */
  async #heard(ask, again) {
    try {
      return await ask();
    } catch {
      this.unanswered.push(again);
      return undefined;
    }
  }

  async askAgain() {
    for (const again of this.unanswered.splice(0)) await again();
    assert.equal(this.unanswered.length, 0, 'the controller runs and does not answer');
  }

  /** What the person was told is so. */
  async check() {
    for (const [id, told] of this.sessions) {
      const view = await this.person.session(id);
      if (told === 'cancelled') assert.equal(view.state, 'cancelled', `${id} was cancelled, and is ${view.state}`);
      else if (told === 'lives') assert.ok(['starting', 'signing-in'].includes(view.state), `${id} is ${view.state}: ${JSON.stringify(view.reason)}`);
      if (told === 'cancelled') this.sessions.delete(id);
    }
  }

  /** How many machines have a row like this. */
  #rows(condition) {
    const query = `select count(*) from machines where ${condition}`;
    return Number(execFileSync('sqlite3', ['-readonly', path.join(this.directory, 'data/anteroom.db'), query], { encoding: 'utf8' }));
  }

  /** Waits until every machine that is wanted runs, the pooled one too: it may be a session's next. */
  settled() {
    return until('all machines run', GONE_MS, () => this.#rows("wanted = 'running' and seen <> 'running'") === 0);
  }

  /** Waits until no session has a machine. */
  gone() {
    return until('every machine of a session is gone by its row', GONE_MS, () => this.#rows("session is not null and seen <> 'gone'") === 0);
  }

  async end() {
    await this.controller.stop();
    await this.machined.stop();
    this.remains.removeInstance();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** One crash: something is asked for, and at some moment after that something is killed and started anew. */
async function crash(world, next, latestMs) {
  const living = world.living();
  const asked = [];
  const doing = next();
  if (living.length >= SIGN_INS || (living.length > 0 && doing < 0.4)) asked.push(world.cancel(living[Math.floor(next() * living.length)]));
  // The second finds no machine waiting, and one is made for it.
  if (living.length < SIGN_INS && doing > 0.25) asked.push(world.connect(), ...(next() < 0.5 ? [world.connect()] : []));
  await passed(next() * latestMs);
  const victim = next();
  if (victim < 0.85) await world.controller.kill();
  if (victim > 0.7) await world.machined.stop('SIGKILL');
  const heard = Promise.all(asked);
  heard.catch(() => {}); // Looked at below, when both run again.
  if (victim > 0.7) await world.machined.start();
  if (victim < 0.85) await world.controller.start();
  await heard;
}

/**
 * The test. `kills` of them, each at most `latestMs` after something was asked for: making a machine, binding and
 * destroying one should be done by then for most, so that some kills come when all is done. `driver` is what the
 * configuration says of machines, and the image.
 */
export function survivesKills(what, { kills, latestMs, driver }) {
  test(`after ${kills} kills of controller and helper at seeded moments no session is lost and nothing is left${what}`, { timeout: 900_000 }, async (t) => {
    console.log(`crash: SEED=${SEED} KILLS=${kills}`);
    const next = random(SEED);
    const world = await Crashing.make(driver);
    t.after(() => world.end());
    for (let kill = 0; kill < kills; kill += 1) {
      await crash(world, next, latestMs);
      await world.askAgain();
      if (kill % INTERRUPTED_AT_MOST === INTERRUPTED_AT_MOST - 1) await world.settled();
      await world.check();
    }
    for (const id of world.living()) await world.cancel(id);
    await world.check();
    await world.gone();
    // It takes its pooled machines with it.
    await world.controller.stop();
    assert.deepEqual(world.remains.everything(), []);
    console.log(`crash: ${world.made} sign-ins were started, all of them known to the end`);
  });
}
