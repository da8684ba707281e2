//! Doubts: why a connection may be dead though it does not say so, and what tells. Pure; `network.ts` listens to the
//! browser, and `machine.ts` decides what becomes of a doubted connection.

import * as limits from "./limits";
import type { Cause } from "./machine";

export type Doubt =
  /** The system says that there is a network again. */
  | "network-back"
  /** Something about the network is not as it was; it may be no more than its speed. */
  | "network-differs"
  /** The clock has jumped: the computer slept, and its connections with it. */
  | "computer-slept"
  /** The page was hidden, and nobody watched its connection. */
  | "page-shown"
  /** Nothing has come from the machine for too long. */
  | "connection-silent";

/** What a doubt is called when it proves right, and whether it is certain that the network was away: then what was
 * begun before is begun anew, since its calls hang in connections that nobody answers. */
export const DOUBTS: Record<Doubt, { cause: Cause; wasAway: boolean }> = {
  "network-back": { cause: "network-changed", wasAway: true },
  "network-differs": { cause: "network-changed", wasAway: false },
  "computer-slept": { cause: "computer-slept", wasAway: true },
  "page-shown": { cause: "connection-silent", wasAway: false },
  "connection-silent": { cause: "connection-silent", wasAway: false },
};

/** When the page last ticked, and whether it was seen then. */
export interface Look {
  readonly at: number;
  readonly visible: boolean;
}

/** Whether the computer slept since a look. By the wall clock: others may stand still meanwhile. */
export function slept({ at, visible }: Look, now: number): boolean {
  return now - at > (visible ? limits.SLEPT_MS : limits.SLEPT_HIDDEN_MS);
}

/** When the machine was heard last, and how much had come by the last look since then. */
export interface Pulse {
  readonly heardAt: number;
  readonly received: number | undefined;
}

/** What a look at a connection sees; `rttMs` is how long an answer took last. */
export interface Sight {
  readonly now: number;
  readonly received: number;
  readonly visible: boolean;
  readonly rttMs: number;
}

/** The pulse after a look at how much was received, and whether it is missing. While the page is hidden nobody listens. */
export function feel(pulse: Pulse, sight: Sight): { pulse: Pulse; isMissing: boolean } {
  const { now, received, visible, rttMs } = sight;
  const hasCome = pulse.received !== undefined && received !== pulse.received;
  if (hasCome || !visible) return { pulse: { heardAt: now, received }, isMissing: false };
  const next = { ...pulse, received };
  return { pulse: next, isMissing: now - pulse.heardAt >= patience(limits.SILENT_MS, rttMs) };
}

/** A time for something to be heard, on a line with such a round trip. */
export function patience(leastMs: number, rttMs: number): number {
  return Math.max(leastMs, limits.RTTS * rttMs);
}
