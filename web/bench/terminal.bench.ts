//! `npm run bench:terminal`: what a person feels of a run's terminal, with a real shell behind the mock controller, in Debian's
//! Chromium. Prints one line of JSON to standard output.

import { expect, it } from "vitest";
import { keyToEcho } from "../../bench/echo.mjs";
import { close, launch, open } from "../test/harness";
import { openRun, run, shows } from "../test/terminal-harness";
import { heapMb, quantile, watchStalls } from "../test/terminal-measure";

const KEYS = 200;
const FLOOD_BYTES = 100_000_000;
const SHORT_BYTES = 10_000_000;
const FLOOD_MS = 200_000;

it("measures", { timeout: 3 * FLOOD_MS }, async () => {
  const browser = await launch();
  const desk = await open(browser);
  const { page } = desk;
  await openRun(desk);
  await run(page, "clear; echo begins; cat > file");
  await shows(page, "begins");
  const echo: number[] = [];
  for (let key = 0; key < KEYS; key += 1) {
    const took = await keyToEcho(page, String.fromCharCode(97 + (key % 26)));
    echo.push(took?.drawn ?? Number.POSITIVE_INFINITY);
  }
  await page.keyboard.press("Control+c");
  const shell = desk.mock.runs.newest.terminal;
  shell.holdsBack = true;
  const long = await flood("0123456789".repeat(8), FLOOD_BYTES);
  const short = await flood("", SHORT_BYTES);
  const figures = {
    key_to_echo_ms: { p50: quantile(echo, 0.5), p99: quantile(echo, 0.99), keys: KEYS },
    flood_100_mb: long,
    yes_10_mb: short,
    renderer: await page.locator(".run").getAttribute("data-renderer"),
  };
  process.stdout.write(`\n${JSON.stringify(figures)}\n`);
  await close(desk);
  await browser.close();

  async function flood(line: string, bytes: number) {
    const before = await heapMb(page);
    const stalls = await watchStalls(page);
    const start = performance.now();
    const shown = shell.shownBytes;
    await run(page, `clear; yes ${line} | head -c ${bytes}; echo; echo done with ${bytes}`);
    await shows(page, `done with ${bytes}`, FLOOD_MS);
    const seconds = (performance.now() - start) / 1000;
    const { frameMs, longestTaskMs } = await stalls();
    const sent = shell.shownBytes - shown;
    expect(sent).toBeGreaterThan(bytes);
    return {
      bytes: sent,
      seconds: Math.round(seconds * 10) / 10,
      mb_per_second: Math.round(sent / seconds / 1e5) / 10,
      frame_ms: frameMs,
      longest_task_ms: longestTaskMs,
      heap_growth_mb: Math.round((await heapMb(page)) - before),
    };
  }
});
