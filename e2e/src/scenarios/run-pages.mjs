// Runs on the product's page, and what their terminals survive: a reload, a second page, a controller that is killed.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Attempt } from '../harness/attempt.mjs';
import { byPerson, byScript } from '../harness/connected.mjs';
import { Run } from '../harness/run.mjs';
import * as page from '../harness/run-page.mjs';
import { scenario } from '../harness/scenario.mjs';
import { until } from '../harness/wait.mjs';
import { signInAtHome } from './methods.mjs';
import { shellRun } from './runs.mjs';

const SHOTS = fileURLToPath(new URL('../../out/runs', import.meta.url));
const BACK_MS = 30_000;

/** Opens a CLI by its card on a page of its own; gives page and run. */
async function openOnPage(w, track, provider, opened) {
  const { page: tab } = opened ?? await Attempt.open(w, provider, track);
  const run = new Run(w, await page.open(tab, provider));
  track(run);
  await page.drawn(tab);
  return { tab, run };
}

const shot = (tab, name) => {
  mkdirSync(SHOTS, { recursive: true });
  return tab.screenshot({ path: `${SHOTS}/${name}.png` });
};

const sameLines = (tab, lines, words) => until(words, BACK_MS, async () => JSON.stringify(await page.linesOf(tab)) === JSON.stringify(lines));

async function killController(w) {
  await w.controller.kill();
  await w.controller.start();
  w.secrets.addLink(w.controller.link);
}

export function runPages(world, own) {
  scenario('Open on the card of Codex shows Codex in a terminal, and Stop ends it', world, async (w, track) => {
    const { attempt } = await byPerson(w, 'codex', track, 'device', async (attempt) => signInAtHome(await own, attempt, { method: 'device' }));
    await attempt.page.goto(w.controller.origin);
    const { tab, run } = await openOnPage(w, track, 'codex', attempt);
    await page.shows(tab, /Codex/);
    await shot(tab, 'codex');
    assert.equal((await run.view()).state, 'running');
    await page.stop(tab);
    const view = await run.ended();
    assert.deepEqual([view.state, view.reason.code], ['ended', 'stopped-by-person']);
    await tab.locator('[data-run-reason="stopped-by-person"]').waitFor();
  });

  scenario('a reload shows the same screen, and a second page too; both type', world, async (w, track) => {
    await byScript(w, 'shell');
    const { tab } = await openOnPage(w, track, 'shell');
    await page.type(tab, "printf '\\033[32mgreen\\033[0m\\n'; seq 5; echo six-$((6 * 7))");
    await page.shows(tab, /^six-42$/);
    const before = await page.linesOf(tab);
    await tab.reload();
    await page.drawn(tab);
    await sameLines(tab, before, 'the same screen after the reload');
    const second = await tab.context().newPage();
    await second.goto(tab.url());
    await page.drawn(second);
    await sameLines(second, before, 'the same screen on the second page');
    await page.type(second, 'echo by-the-second-$((1 + 1))');
    await page.shows(tab, /^by-the-second-2$/);
    await page.type(tab, 'echo by-the-first-$((0 + 1))');
    await page.shows(second, /^by-the-first-1$/);
    await shot(second, 'second');
    await page.type(tab, 'exit 3');
    for (const each of [tab, second]) await page.ended(each, { exitCode: 3 });
    await shot(tab, 'ended');
  });

  scenario("the shell's size is that of the page's window", world, async (w, track) => {
    const { tab } = await openOnPage(w, track, 'shell');
    for (const viewport of [{ width: 1400, height: 900 }, { width: 800, height: 500 }]) {
      await tab.setViewportSize(viewport);
      await until('the terminal fills the window', BACK_MS, async () => {
        const { columns, rows } = await page.sizeOf(tab);
        const fills = (cells, pixels, least, most) => cells > pixels / most && cells < pixels / least;
        return fills(columns, viewport.width, 5, 12) && fills(rows, viewport.height, 10, 30);
      });
      const { columns, rows } = await page.sizeOf(tab);
      await page.type(tab, 'stty size');
      await page.shows(tab, new RegExp(`^${rows} ${columns}$`));
    }
  });

  scenario('a run that holds the credential is taken over on the page after a question', world, async (w, track) => {
    const { run } = await shellRun(w, track);
    const { page: tab } = await Attempt.open(w, 'shell', track);
    const next = new Run(w, await page.takeOver(tab, 'shell'));
    track(next);
    await page.drawn(tab);
    await page.shows(tab, /^ready>/);
    assert.equal((await run.ended()).reason.code, 'taken-over');
  });

  scenario('a controller that is killed takes no run with it: the same screen comes back, and what came meanwhile', world, async (w, track) => {
    await byScript(w, 'shell');
    const { tab, run } = await openOnPage(w, track, 'shell');
    await page.type(tab, 'clear; seq 5; echo six-$((6 * 7))');
    await page.shows(tab, /^six-42$/);
    const before = await page.linesOf(tab);
    await killController(w);
    await page.drawn(tab);
    await sameLines(tab, before, 'the same screen after the kill');
    const shell = await run.shell({ size: await page.sizeOf(tab) });
    assert.deepEqual(shell.lines(), before);
    // The shell goes on while nobody can see it.
    await page.type(tab, 'cat; echo woke-$((40 + 2))');
    await run.noticeMachine();
    const cat = await until('cat runs', BACK_MS, () => w.remains.processesOf(run.machine).find(({ name }) => name === 'cat'));
    await w.controller.kill();
    process.kill(Number(cat.pid), 'SIGTERM');
    await w.controller.start();
    w.secrets.addLink(w.controller.link);
    await page.drawn(tab);
    await page.shows(tab, /^woke-42$/);
    await shot(tab, 'after-kill');
    await page.type(tab, 'exit 5');
    const view = await run.ended();
    assert.deepEqual([view.reason.code, view.exitCode], ['exited', 5]);
    await page.ended(tab, { exitCode: 5 });
  });
}
