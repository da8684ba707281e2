// Much output on the page's terminal: whether the page stands still meanwhile, and how long all of it takes.
import * as runPage from '../e2e/src/harness/run-page.mjs';
import { watchFrames } from './frames.mjs';
import { summary } from './statistics.mjs';

/** What a person notices. */
const STALL_MS = 100;
const FLOOD_MS = 120_000;

/** As lines of 80 characters, or as one line without an end. */
const FLOODS = {
  lines: (bytes) => `yes ${'0123456789'.repeat(8)} | head -c ${bytes}`,
  one_line: (bytes) => `head -c ${bytes} /dev/zero | tr '\\0' x`,
};

/** Runs in the page: counts what the terminal is given, and waits until it has set this title and drawn what was before it. */
function watchForEnd([title, deadlineMs]) {
  const { terminal } = document.querySelector('.terminal-host');
  const { write } = terminal;
  let bytes = 0;
  let begunAt;
  terminal.write = (piece, parsed) => {
    bytes += piece.length;
    write.call(terminal, piece, parsed);
  };
  addEventListener('keydown', ({ timeStamp, key }) => { if (key === 'Enter') begunAt ??= timeStamp; }, { capture: true });
  globalThis.__flooded = new Promise((resolve) => {
    setTimeout(resolve, deadlineMs, null);
    const titled = terminal.onTitleChange((set) => {
      if (set !== title) return;
      titled.dispose();
      delete terminal.write;
      requestAnimationFrame((now) => resolve({ bytes, ms: now - begunAt }));
    });
  });
}

/** Figures of one flood in the shell of this page, by their names. */
export async function flood({ page }, how, bytes) {
  const title = `after-${how}`;
  await page.evaluate(watchForEnd, [title, FLOOD_MS]);
  const watched = await watchFrames(page);
  await runPage.type(page, `clear; ${FLOODS[how](bytes)}; printf '\\033]2;${title}\\007'`);
  const all = await page.evaluate(() => globalThis.__flooded);
  const { frames, tasks } = await watched();
  if (!all) throw new Error(`the flood of ${how} did not end within ${FLOOD_MS} ms`);
  // What the controller has skipped was never drawn.
  if (all.bytes < bytes) throw new Error(`the page was given ${all.bytes} of ${bytes} bytes`);
  const more = (list) => ({ longest: Math.max(0, ...list), stalls: list.filter((ms) => ms > STALL_MS).length, seconds: all.ms / 1000 });
  return {
    [`flood_frame_ms.${how}`]: summary(frames, more(frames)),
    [`flood_task_ms.${how}`]: summary(tasks, more(tasks)),
  };
}
