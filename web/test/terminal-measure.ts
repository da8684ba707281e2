//! What is measured of a run's terminal, for its tests and for `npm run bench:terminal`.

import type { Page } from "playwright-core";
import { watchFrames } from "../../bench/frames.mjs";

export interface Stalls {
  frames: number;
  frameMs: { p50: number; p99: number; longest: number };
  longestTaskMs: number;
}

/** Watches frames and long tasks until the returned function is called. */
export async function watchStalls(page: Page): Promise<() => Promise<Stalls>> {
  const watched = await watchFrames(page);
  return async () => {
    const { frames, tasks } = await watched();
    return {
      frames: frames.length,
      frameMs: { p50: quantile(frames, 0.5), p99: quantile(frames, 0.99), longest: quantile(frames, 1) },
      longestTaskMs: Math.max(0, ...tasks),
    };
  };
}

/** The page's heap after its garbage was collected, in MB. */
export async function heapMb(page: Page): Promise<number> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("HeapProfiler.enable");
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  await devtools.detach();
  return usedSize / 1e6;
}

/** Rounded to tenths; nothing is 0. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return Math.round(value * 10) / 10;
}
