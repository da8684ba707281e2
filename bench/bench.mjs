// The product's figures, on the running product: `make bench`. Writes out/latest.json and prints it as a table. All that
// depends on the media engine is measured on both; figures of the one that is not the default begin with its name.
//
// The clicks go through the viewer's page into the machine's own browser, which shows a page of the tests' issuer; what
// is measured is what a person would see. `ROUNDS=quick` makes a tenth of the samples, to try the benchmark itself, and `ONLY=runs`
// measures the parts alone whose names have the word.
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Attempt } from '../e2e/src/harness/attempt.mjs';
import { until } from '../e2e/src/harness/wait.mjs';
import { World } from '../e2e/src/harness/world.mjs';
import { waiting } from '../e2e/src/scenarios/pool.mjs';
import { FILES, PROVIDERS } from '../e2e/src/scenarios/providers.mjs';
import { judged } from './bounds.mjs';
import { agentMemory, look, percent } from './cpu.mjs';
import { binding, fitting, othersWait, proportionalMemory } from './machines.mjs';
import { installEye, UNSEEN_MS } from './eye.mjs';
import { times } from './rounds.mjs';
import { runs } from './runs.mjs';
import { answers, controllerAlone } from './signaling.mjs';
import { summary, table } from './statistics.mjs';

const OUT = fileURLToPath(new URL('out', import.meta.url));
const COLD_STARTS = times(15);
const POOLED_STARTS = times(15);
/** Machines that wait at once while their memory is looked at. */
const POOLED_TOGETHER = 4;
/** Ten machines made at once, so often. */
const CROWDS = times(10);
const GONE_MS = 30_000;
/** Emulated machines: few, for they keep both cores busy. */
const EMULATED_STARTS = 3;
/** A browser's start, so that the click does not fall into it. */
const BROWSER_UP_MS = 3000;
/** A person sees a page before clicking on it: its load does not fall into the click. */
const PAGE_SEEN_MS = 1000;
/** Emulated processors are some ten times as slow. */
const EMULATED_PICTURE_MS = 90_000;
const EMULATED_BROWSER_UP_MS = 30_000;
const EMULATED_TOGETHER = 2;
const CLICKS = times(200);
/** The machine's browser settles, for as long as a page lives, on showing what it draws one or two frames late or at once.
 * Clicks on one page would say which of them was drawn, so that the clicks while scrolling go to several machines. */
const SCROLLED_PAGES = times(8);
const SECONDS = times(20);
const RELOADS = times(15);
const SAMPLE_MS = 1000;
/** Between two clicks, so that they fall on all phases of a frame and the desktop is still again. */
const [SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS] = [150, 350];

const memory = [];
/** How long agents took to answer: the first offer of a machine, and those of reloads. */
let answered;
const noteMemory = (world) => memory.push(world.controller.memory() / 1024 / 1024);

/** `pictureMs` is how long the picture may take before the benchmark gives up; `note` hears how the session went. */
async function start(world, pictureMs, note = () => undefined) {
  const attempt = await Attempt.open(world, 'codex');
  await pause(PAGE_SEEN_MS);
  await attempt.connect();
  await attempt.desktop.picture(pictureMs);
  const took = await attempt.page.evaluate(() => {
    const { clicks, frames } = globalThis.__probe;
    return frames[0].at - clicks.findLast((click) => click.kind === 'click').at;
  });
  noteMemory(world);
  note(await attempt.reached('frame-decoded'));
  await end(world, attempt);
  return took;
}

/** Clicks that find a machine waiting, its browser up. */
async function pooledStarts(world) {
  await world.controller.restart({ ANTEROOM_MACHINES__POOL: '1' });
  const [took, bound, used] = [[], [], []];
  for (let round = 0; round < POOLED_STARTS; round += 1) {
    used.push(await waiting(world, used));
    await pause(BROWSER_UP_MS);
    took.push(await start(world, undefined, (view) => bound.push(binding(view))));
  }
  await world.controller.restart();
  return { 'click_to_first_frame_ms.pool': summary(took), bind_pooled_machine_ms: summary(bound) };
}

/** The memory of each of so many machines that wait, `upMs` after all of them run. */
async function memoryOfWaiting(world, count, upMs) {
  await world.controller.restart({ ANTEROOM_MACHINES__POOL: String(count) });
  const all = [];
  while (all.length < count) all.push(await waiting(world, all));
  await pause(upMs);
  const bytes = all.map((id) => proportionalMemory(world.remains.processesOf(id)));
  await world.controller.restart();
  await until('none waits any more', GONE_MS, () => world.remains.everything().length === 0);
  return summary(bytes.map((each) => each / 1024 / 1024), { fitInto16GB: fitting(Math.max(...bytes)) });
}

/** What waiting machines need, each, when there are some, and what others notice of machines being made. */
async function machinesThatWait() {
  const world = await World.make({ providers: PROVIDERS, files: FILES, machines: { max: 12, per_owner: 12 } });
  try {
    const waited = [];
    for (let round = 0; round < CROWDS; round += 1) waited.push(...(await othersWait(world)));
    return {
      'pooled_machine_pss_mb.sandbox': await memoryOfWaiting(world, POOLED_TOGETHER, BROWSER_UP_MS),
      'controller_latency_ms.ten_machines_made': summary(waited),
    };
  } finally {
    await world.end();
  }
}

function noteAnswers(world, attempt) {
  world.machineLogs.look();
  for (const [epoch, ms] of answers(world.machineLogs.of(attempt.machine))) (epoch === 1 ? answered.first : answered.again).push(ms);
}

async function end(world, attempt) {
  noteAnswers(world, attempt);
  await attempt.notice(await attempt.view());
  await attempt.person.call('DELETE', `/api/session/${attempt.id}`);
  await attempt.machineGone();
  await attempt.close();
}

async function openStage(world, which) {
  const attempt = await Attempt.begin(world, which);
  await attempt.reached('url-opened');
  const block = await attempt.desktop.sees('stageOff');
  await attempt.page.evaluate(installEye, UNSEEN_MS);
  await attempt.notice(await attempt.view());
  return { attempt, click: { ...block, x: block.x - 40, y: block.y - 40 }, look: { x: block.x + 40, y: block.y + 40 } };
}

async function clicks(stage, count) {
  const { attempt, click, look: place } = stage;
  const seen = [];
  let unseen = 0;
  for (let round = 0; round < count; round += 1) {
    await attempt.page.evaluate((where) => globalThis.__eye.arm(where), place);
    await attempt.desktop.click(click);
    const took = await attempt.page.evaluate(() => globalThis.__eye.result());
    if (took === null) unseen += 1;
    else seen.push(took);
    await pause(SHORTEST_PAUSE_MS + Math.random() * (LONGEST_PAUSE_MS - SHORTEST_PAUSE_MS));
  }
  return { seen, unseen };
}

/** Clicks on the page that scrolls, on one machine after the other. `first` is a machine that is there already. */
async function scrolledClicks(world, first) {
  const seen = [];
  let unseen = 0;
  for (let page = 0; page < SCROLLED_PAGES; page += 1) {
    const stage = page === 0 ? first : await openStage(world, 'scroll');
    const some = await clicks(stage, Math.round(CLICKS / SCROLLED_PAGES));
    seen.push(...some.seen);
    unseen += some.unseen;
    await end(world, stage.attempt);
  }
  return summary(seen, { unseen });
}

async function frameRate({ attempt }) {
  const count = () => attempt.page.evaluate(() => ({ frames: globalThis.__probe.frameCount, at: performance.now() }));
  const rates = [];
  let before = await count();
  for (let second = 0; second < SECONDS; second += 1) {
    await pause(SAMPLE_MS);
    const after = await count();
    rates.push(((after.frames - before.frames) / (after.at - before.at)) * 1000);
    before = after;
  }
  return summary(rates);
}

async function load({ attempt }, world) {
  const processes = world.remains.processesOf(attempt.machine);
  const [guest, machine, agent] = [[], [], []];
  let before = look(processes);
  for (let second = 0; second < SECONDS; second += 1) {
    await pause(SAMPLE_MS);
    const after = look(processes);
    const used = percent(before, after);
    guest.push(used.guest);
    machine.push(used.machine);
    agent.push(agentMemory(processes) / 1024 / 1024);
    before = after;
    noteMemory(world);
  }
  return { guest: summary(guest), machine: summary(machine), agent: summary(agent) };
}

async function reloads({ attempt }) {
  const took = [];
  for (let round = 0; round < RELOADS; round += 1) {
    const begun = Date.now();
    await attempt.page.reload({ waitUntil: 'commit' });
    await attempt.desktop.picture();
    const first = await attempt.page.evaluate(() => performance.timeOrigin + globalThis.__probe.frames[0].at);
    took.push(first - begun);
    await until('the page says it is connected', 10_000, async () => (await attempt.view()).connection === 'frame-decoded');
  }
  return summary(took);
}

async function measure(world) {
  const figures = {};
  answered = { first: [], again: [] };
  const cold = [];
  for (let round = 0; round < COLD_STARTS; round += 1) cold.push(await start(world));
  figures['click_to_first_frame_ms.cold'] = summary(cold);
  Object.assign(figures, await pooledStarts(world));
  const still = await openStage(world, 'click');
  const idle = await load(still, world);
  const idleClicks = await clicks(still, CLICKS);
  figures['input_to_photon_ms.idle'] = summary(idleClicks.seen, { unseen: idleClicks.unseen });
  const back = await reloads(still);
  await end(world, still.attempt);
  const moving = await openStage(world, 'scroll');
  const busy = await load(moving, world);
  figures['frames_per_second.scrolling'] = await frameRate(moving);
  figures['input_to_photon_ms.scrolling'] = await scrolledClicks(world, moving);
  figures['guest_cpu_percent.idle'] = idle.guest;
  figures['guest_cpu_percent.scrolling'] = busy.guest;
  figures['machine_cpu_percent.idle'] = idle.machine;
  figures['machine_cpu_percent.scrolling'] = busy.machine;
  figures.agent_rss_mb = busy.agent;
  figures.reload_to_frame_ms = back;
  figures['answer_ms.first'] = summary(answered.first);
  figures['answer_ms.warm'] = summary(answered.again);
  return figures;
}

/** One engine's figures, on a world of its own. */
async function measureOn(engine) {
  const world = await World.make({ providers: PROVIDERS, files: FILES, engine });
  try {
    return await measure(world);
  } finally {
    await world.end();
  }
}

/** Clicks that find no machine and get an emulated one: a clone of a template, or one that boots. */
async function emulatedStarts(template) {
  const world = await World.make({ providers: PROVIDERS, files: FILES, driver: 'qemu', accelerator: 'tcg', template });
  try {
    const took = [];
    for (let round = 0; round < EMULATED_STARTS; round += 1) took.push(await start(world, EMULATED_PICTURE_MS));
    if (!template) return { 'click_to_first_frame_ms.qemu_cold': summary(took) };
    return {
      'click_to_first_frame_ms.qemu_clone': summary(took),
      'pooled_machine_pss_mb.qemu': await memoryOfWaiting(world, EMULATED_TOGETHER, EMULATED_BROWSER_UP_MS),
    };
  } finally {
    await world.end();
  }
}

const named = (engine, figures) => Object.fromEntries(Object.entries(figures).map(([key, value]) => [`${engine}.${key}`, value]));

/** In this order: what measures the controller alone has no machine left beside it. */
const PARTS = {
  str0m: () => measureOn('str0m'),
  webrtcbin: async () => named('webrtcbin', await measureOn('webrtcbin')),
  machines: machinesThatWait,
  'emulated clones': () => emulatedStarts(true),
  'emulated boots': () => emulatedStarts(false),
  runs,
  controller: async () => ({ controller_rss_mb: summary(memory), ...(await controllerAlone()) }),
};

const measured = {};
for (const [name, measures] of Object.entries(PARTS)) if (name.includes(process.env.ONLY ?? '')) Object.assign(measured, await measures());
const figures = judged(measured);
mkdirSync(OUT, { recursive: true });
writeFileSync(path.join(OUT, 'latest.json'), `${JSON.stringify(figures, null, 2)}\n`);
console.log(`${os.cpus().length} cores, ${os.cpus()[0].model}, load ${os.loadavg()[0].toFixed(1)}`);
console.log(table(figures));
