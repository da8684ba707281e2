//! What becomes of a connection that has closed. Pure; `link.ts` carries it out.

import { RETRY_MS } from "./limits";

export type End =
  /** The run is over; its view says how. */
  | "ended"
  | "no-such-run"
  | "signed-out"
  /** The controller wants no connection of this page, for a reason that this page does not know. */
  | "refused";

export type Closing = { next: "over"; end: End } | { next: "again"; afterMs: number };

/** Normal end: the run has ended, and said so. */
const NORMAL = 1000;
const SIGNED_OUT = 4401;
const NO_SUCH_RUN = 4404;
const ENDED = 4410;

/** What follows a closed connection. `failures`: how many before it in a row never opened. */
export function closing(code: number, failures: number): Closing {
  if (code === NORMAL || code === ENDED) return { next: "over", end: "ended" };
  if (code === SIGNED_OUT) return { next: "over", end: "signed-out" };
  if (code === NO_SUCH_RUN) return { next: "over", end: "no-such-run" };
  if (code >= 4400 && code <= 4499) return { next: "over", end: "refused" };
  return { next: "again", afterMs: RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 0 };
}
