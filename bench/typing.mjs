// Keys at a shell's prompt in the page's terminal: what each shows comes from the shell.
import { setTimeout as pause } from 'node:timers/promises';
import * as runPage from '../e2e/src/harness/run-page.mjs';
import { keyToEcho } from './echo.mjs';

/** Between two keys, so that they fall on all phases of a frame. */
const [SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS] = [30, 70];
/** Keys on a line, which stays shorter than the screen is wide. */
const LINE = 50;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** So many keys in the shell of this page: milliseconds until each was in the terminal's buffer, and until it was drawn. */
export async function keys({ page }, count) {
  const seen = [];
  await page.locator('.terminal-host textarea').focus();
  for (let key = 0; key < count; key += 1) {
    if (key > 0 && key % LINE === 0) await emptyLine(page);
    seen.push(await keyToEcho(page, LETTERS[key % LETTERS.length]));
    await pause(SHORTEST_PAUSE_MS + Math.random() * (LONGEST_PAUSE_MS - SHORTEST_PAUSE_MS));
  }
  await emptyLine(page);
  const echoed = seen.filter(Boolean);
  return { parsed: echoed.map(({ parsed }) => parsed), drawn: echoed.map(({ drawn }) => drawn), unseen: seen.length - echoed.length };
}

async function emptyLine(page) {
  await page.keyboard.press('Control+u');
  await runPage.shows(page, /^ready>$/);
}
