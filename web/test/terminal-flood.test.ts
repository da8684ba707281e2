//! Much output: the page must not stall, nor grow. The command waits for the page here, so that all of it goes through the
//! page; else the controller would skip it ahead.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { close, launch, open } from "./harness";
import { openRun, run, shows } from "./terminal-harness";
import { heapMb, watchStalls } from "./terminal-measure";

const BYTES = 100_000_000;
/** 100 MB take 11 s on two cores. */
const FLOOD_MS = 150_000;
/** What a person notices. */
const STALL_MS = 100;
/** Scrollback's 10 000 lines of 148 columns are 18 MB. */
const GROWTH_MB = 64;

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

it(
  "100 MB of output stall the page for less than 100 ms, leave it its memory, and are all parsed",
  async () => {
    const desk = await open(browser);
    const { page } = desk;
    await openRun(desk);
    const shell = desk.mock.runs.newest.terminal;
    shell.holdsBack = true;
    const before = await heapMb(page);
    const stalls = await watchStalls(page);
    await run(page, `yes ${"0123456789".repeat(8)} | head -c ${BYTES}; echo; echo all of it`);
    await shows(page, "all of it", FLOOD_MS);
    const { longestTaskMs } = await stalls();
    expect(shell.skips).toBe(0);
    await expect.poll(() => shell.pages[0].parsed).toBeGreaterThan(BYTES);
    await expect.poll(() => shell.pages[0].parsed).toBe(shell.pages[0].sent);
    expect(longestTaskMs).toBeLessThan(STALL_MS);
    expect((await heapMb(page)) - before).toBeLessThan(GROWTH_MB);
    await run(page, "echo goes on");
    await shows(page, "goes on");
    expect(desk.complaints).toEqual([]);
    await close(desk);
  },
  FLOOD_MS + 30_000,
);
