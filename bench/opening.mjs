// From the click on *Open* to a prompt in the page's terminal: from the click's own event to the frame that has the prompt.
import { setTimeout as pause } from 'node:timers/promises';
import { Attempt } from '../e2e/src/harness/attempt.mjs';
import { Run } from '../e2e/src/harness/run.mjs';
import * as runPage from '../e2e/src/harness/run-page.mjs';
import { warm } from './machines.mjs';

const PROMPT = 'ready>';
/** A person sees a page before clicking on it: its load does not fall into the click. */
const PAGE_SEEN_MS = 1000;
const PROMPT_MS = 30_000;

/** Runs in the page, before the click: the terminal is followed from the moment at which it is there. */
function watchForPrompt([prompt, deadlineMs]) {
  const shows = ({ buffer: { active }, rows }) =>
    Array.from({ length: rows }, (_, row) => active.getLine(active.viewportY + row)?.translateToString(true) ?? '').some((line) => line.startsWith(prompt));
  globalThis.__prompted = new Promise((resolve) => {
    setTimeout(resolve, deadlineMs, null);
    const observer = new MutationObserver(() => {
      const terminal = document.querySelector('.terminal-host')?.terminal;
      if (!terminal) return;
      observer.disconnect();
      const rendered = terminal.onRender(() => {
        if (!shows(terminal)) return;
        rendered.dispose();
        resolve(performance.now());
      });
    });
    observer.observe(document, { childList: true, subtree: true });
  });
}

/** Opens the shell on a page of its own, which nobody has opened a terminal on; gives page, run and milliseconds. */
export async function openShell(world) {
  const attempt = await Attempt.open(world, 'shell');
  const { page } = attempt;
  await pause(PAGE_SEEN_MS);
  await page.evaluate(watchForPrompt, [PROMPT, PROMPT_MS]);
  const run = new Run(world, await runPage.open(page, 'shell'));
  const took = await page.evaluate(async () => {
    const shownAt = await globalThis.__prompted;
    return shownAt && shownAt - globalThis.__probe.clicks.findLast(({ kind }) => kind === 'click').at;
  });
  if (took === null) throw new Error(`the page showed no prompt of the run ${run.id}`);
  await run.noticeMachine();
  const close = async () => {
    const processes = world.remains.processesOf(run.machine);
    await run.finish();
    await world.remains.gone(run.machine, processes);
    await attempt.close();
  };
  return { page, run, took, close };
}

/** So many clicks, one after the other; milliseconds of each. With `hasPool` each finds a machine that waits, and takes it. */
export async function openToPrompt(world, count, { hasPool }) {
  const took = [];
  const used = [];
  for (let round = 0; round < count; round += 1) {
    const waited = hasPool ? await warm(world, used) : undefined;
    used.push(waited);
    const shell = await openShell(world);
    if (hasPool && shell.run.machine !== waited) throw new Error(`the run has ${shell.run.machine}, and ${waited} waited`);
    took.push(shell.took);
    await shell.close();
  }
  return took;
}
