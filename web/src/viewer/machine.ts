//! Decides how the page gets and keeps a picture: one attempt after the other, each with a new RTCPeerConnection and a
//! new epoch. Events in, state and effects out; no I/O, no clock (invariants live-peer and seen-is-connected).
//!
//! ```text
//!  idle ─start─► offering ─offered─► posting ─posted─► answering ─answered─► connecting ─ice─► securing
//!                   ▲                 │   ▲                                                       │ dtls
//!                   │      unreachable▼   │retry                                                  ▼
//!                waiting             reposting                            live ◄──── frame ──── seeing
//!                   ▲                                                      │
//!                   └────────── a failure or a deadline in any of these ───┘
//!
//!  any ─session-ended─► ended      any ─stop─► stopped      any ─refused─► refused
//!  any but live ─superseded─► elsewhere ─take-over─► offering (live: once its picture is lost)
//! ```
//!
//! Missing on purpose: a second answer in one attempt, an attempt that is used again, and a way out of `ended`,
//! `refused` and `stopped`.

import type { ConnectionState, Problem } from "../api/types";
import * as limits from "./limits";

/** Why an attempt gave no picture. */
export type Cause =
  | "offer-not-made"
  | "controller-unreachable"
  | "answer-late"
  | "answer-not-taken"
  | "ice-timeout"
  | "ice-failed"
  | "dtls-timeout"
  | "dtls-failed"
  | "frame-timeout"
  | "disconnected"
  | "network-changed";

export type Phase =
  | { at: "idle" }
  | { at: "offering" }
  | { at: "posting"; tries: number }
  | { at: "reposting"; tries: number }
  | { at: "answering"; epoch: number }
  | { at: "connecting"; epoch: number }
  | { at: "securing"; epoch: number }
  | { at: "seeing"; epoch: number }
  | { at: "live"; epoch: number; probing: boolean }
  | { at: "waiting" }
  | { at: "elsewhere" }
  | { at: "refused"; problem: Problem }
  | { at: "ended" }
  | { at: "stopped" };

export interface State {
  readonly phase: Phase;
  /** The attempt's number; what older ones still report is ignored. */
  readonly attempt: number;
  /** Failures since the last good connection. */
  readonly failures: number;
  /** Why the last attempt failed. */
  readonly cause: Cause | undefined;
  /** Another page has made a newer epoch. */
  readonly superseded: boolean;
}

/** What one attempt's connection and calls report. */
export type AttemptEvent =
  | { type: "offered" }
  | { type: "posted"; epoch: number }
  | { type: "post-unreachable" }
  | { type: "answered" }
  | { type: "ice-connected" }
  | { type: "dtls-connected" }
  | { type: "frame" }
  | { type: "pong" }
  | { type: "failed"; cause: Cause }
  | { type: "refused"; problem: Problem };

export type Event =
  | { type: "start" }
  | { type: "attempt"; attempt: number; event: AttemptEvent }
  /** The wait that `deadline` names for the present phase is over. */
  | { type: "deadline" }
  /** The session has a newer epoch than this page's. */
  | { type: "superseded" }
  | { type: "take-over" }
  | { type: "retry-now" }
  /** The network may have changed: it came back, or the computer slept. */
  | { type: "doubt" }
  | { type: "session-ended" }
  | { type: "stop" };

export type Effect =
  | { do: "open"; attempt: number }
  | { do: "post"; attempt: number }
  | { do: "listen"; attempt: number; epoch: number }
  | { do: "report"; epoch: number; state: ConnectionState }
  | { do: "probe"; attempt: number }
  | { do: "close"; attempt: number };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

export const initial: State = {
  phase: { at: "idle" },
  attempt: 0,
  failures: 0,
  cause: undefined,
  superseded: false,
};

/** How long the present phase may last; its end is a `deadline` event. */
export function deadline(state: State): number | undefined {
  switch (state.phase.at) {
    case "offering":
      return limits.OFFER_MS;
    case "posting":
      return limits.POST_MS;
    case "reposting":
      return pause(Math.max(state.phase.tries, 2));
    case "answering":
      return limits.ANSWER_MS;
    case "connecting":
      return limits.ICE_MS;
    case "securing":
      return limits.DTLS_MS;
    case "seeing":
      return limits.FRAME_MS;
    case "live":
      if (state.phase.probing) return limits.PROBE_MS;
      return state.failures > 0 ? limits.SETTLE_MS : undefined;
    case "waiting":
      return pause(state.failures);
    case "idle":
    case "elsewhere":
    case "refused":
    case "ended":
    case "stopped":
      return undefined;
  }
}

/** The next state and what to do for it. */
export function step(state: State, event: Event): Step {
  if (isOver(state)) return stay(state);
  switch (event.type) {
    case "start":
      return state.phase.at === "idle" ? open(state) : stay(state);
    case "attempt":
      return event.attempt === state.attempt ? attemptStep(state, event.event) : stay(state);
    case "deadline":
      return deadlineStep(state);
    case "superseded":
      return supersededStep(state);
    case "take-over":
      return state.phase.at === "elsewhere"
        ? open({ ...state, superseded: false, failures: 0 })
        : stay(state);
    case "retry-now":
      return retryNow(state);
    case "doubt":
      return doubt(state);
    case "session-ended":
      return finish(state, { at: "ended" });
    case "stop":
      return finish(state, { at: "stopped" });
  }
}

/** Whether nothing can happen any more. */
export function isOver(state: State): boolean {
  const { at } = state.phase;
  return at === "ended" || at === "stopped" || at === "refused";
}

function attemptStep(state: State, event: AttemptEvent): Step {
  const { phase } = state;
  switch (event.type) {
    case "offered":
      return phase.at === "offering" ? post(state, 1) : stay(state);
    case "posted":
      if (phase.at !== "posting") return stay(state);
      return to(state, { at: "answering", epoch: event.epoch }, [
        { do: "listen", attempt: state.attempt, epoch: event.epoch },
      ]);
    case "post-unreachable":
      if (phase.at !== "posting") return stay(state);
      return {
        state: { ...state, phase: { at: "reposting", tries: phase.tries }, cause: "controller-unreachable" },
        effects: [],
      };
    case "answered":
      return phase.at === "answering" ? to(state, { at: "connecting", epoch: phase.epoch }) : stay(state);
    case "ice-connected":
      return rise(state, "securing");
    case "dtls-connected":
      return rise(state, "seeing");
    case "frame":
      return rise(state, "live");
    case "pong":
      return phase.at === "live" && phase.probing ? to(state, { ...phase, probing: false }) : stay(state);
    case "failed":
      return hasAttempt(phase) ? fail(state, event.cause) : stay(state);
    case "refused":
      return hasAttempt(phase) ? finish(state, { at: "refused", problem: event.problem }) : stay(state);
  }
}

const HEIGHT = { connecting: 0, securing: 1, seeing: 2, live: 3 } as const;
const REPORTS = { securing: "ice-connected", seeing: "dtls-connected", live: "frame-decoded" } as const;

/** The browser's events may come in any order, or one may stand for those before it: only upwards counts. */
function rise(state: State, at: "securing" | "seeing" | "live"): Step {
  const { phase } = state;
  switch (phase.at) {
    case "connecting":
    case "securing":
    case "seeing": {
      if (HEIGHT[at] <= HEIGHT[phase.at]) return stay(state);
      const { epoch } = phase;
      const next: Phase = at === "live" ? { at, epoch, probing: false } : { at, epoch };
      const cause = at === "live" ? undefined : state.cause;
      return {
        state: { ...state, phase: next, cause },
        effects: [{ do: "report", epoch, state: REPORTS[at] }],
      };
    }
    case "idle":
    case "offering":
    case "posting":
    case "reposting":
    case "answering":
    case "live":
    case "waiting":
    case "elsewhere":
    case "refused":
    case "ended":
    case "stopped":
      return stay(state);
  }
}

function deadlineStep(state: State): Step {
  const { phase } = state;
  switch (phase.at) {
    case "offering":
      return fail(state, "offer-not-made");
    case "posting":
      return {
        state: { ...state, phase: { at: "reposting", tries: phase.tries }, cause: "controller-unreachable" },
        effects: [],
      };
    case "reposting":
      return post(state, phase.tries + 1);
    case "answering":
      return fail(state, "answer-late");
    case "connecting":
      return fail(state, "ice-timeout");
    case "securing":
      return fail(state, "dtls-timeout");
    case "seeing":
      return fail(state, "frame-timeout");
    case "live":
      return phase.probing ? fail(state, "network-changed") : to({ ...state, failures: 0 }, phase);
    case "waiting":
      return open(state);
    case "idle":
    case "elsewhere":
    case "refused":
    case "ended":
    case "stopped":
      return stay(state);
  }
}

function supersededStep(state: State): Step {
  const { phase } = state;
  // Before its own epoch is known, the newer one may be its own.
  if (phase.at === "idle" || phase.at === "offering" || phase.at === "posting" || phase.at === "reposting") {
    return stay(state);
  }
  if (phase.at === "elsewhere") return stay(state);
  // The guest serves the older connection on as long as it lives: no reason to take the picture away.
  if (phase.at === "live") return { state: { ...state, superseded: true }, effects: [] };
  return elsewhere(state);
}

function retryNow(state: State): Step {
  if (state.phase.at === "waiting") return open(state);
  if (state.phase.at === "reposting") return post(state, state.phase.tries + 1);
  return stay(state);
}

function doubt(state: State): Step {
  const { phase } = state;
  if (phase.at !== "live") return retryNow(state);
  if (phase.probing) return stay(state);
  return to(state, { ...phase, probing: true }, [{ do: "probe", attempt: state.attempt }]);
}

function fail(state: State, cause: Cause): Step {
  if (state.superseded) return elsewhere({ ...state, cause });
  const failed: State = { ...state, cause, failures: state.failures + 1, phase: { at: "waiting" } };
  const close: Effect = { do: "close", attempt: state.attempt };
  if (pause(failed.failures) > 0) return { state: failed, effects: [close] };
  const next = open(failed);
  return { state: next.state, effects: [close, ...next.effects] };
}

/** An attempt is never used again: a new one has a new number, connection and epoch. */
function open(state: State): Step {
  const attempt = state.attempt + 1;
  return { state: { ...state, attempt, phase: { at: "offering" } }, effects: [{ do: "open", attempt }] };
}

function post(state: State, tries: number): Step {
  return to(state, { at: "posting", tries }, [{ do: "post", attempt: state.attempt }]);
}

function elsewhere(state: State): Step {
  return to({ ...state, superseded: true }, { at: "elsewhere" }, [{ do: "close", attempt: state.attempt }]);
}

function finish(state: State, phase: Phase): Step {
  return to(state, phase, [{ do: "close", attempt: state.attempt }]);
}

function hasAttempt(phase: Phase): boolean {
  return phase.at !== "idle" && phase.at !== "waiting" && phase.at !== "elsewhere";
}

function pause(failures: number): number {
  const index = Math.min(Math.max(failures - 1, 0), limits.RETRY_MS.length - 1);
  return limits.RETRY_MS[index] ?? 0;
}

function to(state: State, phase: Phase, effects: readonly Effect[] = []): Step {
  return { state: { ...state, phase }, effects };
}

function stay(state: State): Step {
  return { state, effects: [] };
}
