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
//!  any ─superseded, taken-over, yield─► elsewhere ─take-over─► offering
//! ```
//!
//! One page has the desktop at a time, and two never fight for it: each offer says which epoch it comes after (`after`),
//! and the controller refuses it when there is a newer one. A page that only reconnects names the newest that it made, and
//! leaves the desktop where it is; one that the person has opened, or told to take over, names the newest that it knows,
//! and offers the same connection again after the one that it is told of. So an offer of a page that is long gone never
//! takes the desktop, however late it arrives. A live picture goes at once too: two people, or one with two windows, must
//! not type into it both.
//!
//! Missing on purpose: a second answer in one attempt, an attempt that is used again, a way from `elsewhere` without the
//! person, and a way out of `ended`, `refused` and `stopped`.

import type { ConnectionState, Problem } from "../api/types";
import { DOUBTS, type Doubt, patience } from "./doubt";
import * as limits from "./limits";

/** Why an attempt gave no picture. */
export type Cause =
  | "offer-not-made"
  | "controller-unreachable"
  | "no-picture-yet"
  | "answer-late"
  | "answer-not-taken"
  | "ice-timeout"
  | "ice-failed"
  | "dtls-timeout"
  | "dtls-failed"
  | "frame-timeout"
  | "disconnected"
  | "network-changed"
  | "computer-slept"
  | "connection-silent";

export type Phase =
  | { at: "idle" }
  | { at: "offering" }
  | { at: "posting"; tries: number; after: number }
  | { at: "reposting"; tries: number; pauseMs: number }
  | { at: "answering"; epoch: number }
  | { at: "connecting"; epoch: number }
  | { at: "securing"; epoch: number }
  | { at: "seeing"; epoch: number }
  | { at: "live"; epoch: number; probing: Cause | undefined }
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
  /** The newest epoch that this page made; none while it is to take the desktop from whoever has it. */
  readonly own: number | undefined;
  /** The newest epoch of the session, whoever made it. */
  readonly newest: number;
  /** How long the machine's last answer took, there and back. */
  readonly rttMs: number;
  /** The session waits for a place: nobody can answer, and the connection waits as well. */
  readonly queued: boolean;
}

/** What one attempt's connection and calls report. */
export type AttemptEvent =
  | { type: "offered" }
  | { type: "posted"; epoch: number }
  /** The offer was not taken, and the same one may be in a moment: after `pauseMs` at least. */
  | { type: "not-posted"; cause: Cause; pauseMs?: number }
  | { type: "answered" }
  | { type: "ice-connected" }
  | { type: "dtls-connected" }
  | { type: "frame" }
  /** The machine was heard, by an answer or a frame. */
  | { type: "heard"; rttMs?: number }
  /** Another page has a newer epoch: this one, where the controller said which. */
  | { type: "taken-over"; current?: number }
  | { type: "failed"; cause: Cause }
  | { type: "refused"; problem: Problem };

export type Event =
  | { type: "start" }
  | { type: "attempt"; attempt: number; event: AttemptEvent }
  /** The wait that `deadline` names for the present phase is over. */
  | { type: "deadline" }
  /** The session has this epoch now. It may be this page's own. */
  | { type: "epoch"; epoch: number }
  /** The session waits for a place, or has one. */
  | { type: "queued"; queued: boolean }
  /** The person wants the desktop here, wherever it is shown. */
  | { type: "take-over" }
  /** The person leaves the desktop to another page. */
  | { type: "yield" }
  | { type: "retry-now" }
  | { type: "doubt"; doubt: Doubt }
  | { type: "session-ended" }
  | { type: "stop" };

export type Effect =
  | { do: "open"; attempt: number }
  | { do: "post"; attempt: number; after: number }
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
  own: undefined,
  newest: 0,
  rttMs: 0,
  queued: false,
};

/** How long the present phase may last; its end is a `deadline` event. */
export function deadline(state: State): number | undefined {
  switch (state.phase.at) {
    case "offering":
      return limits.OFFER_MS;
    case "posting":
      return Math.min(limits.POST_MS * state.phase.tries, limits.POST_MAX_MS);
    case "reposting":
      return state.phase.pauseMs;
    case "answering":
      // The controller ends a session that waits for too long.
      return state.queued ? undefined : limits.ANSWER_MS;
    case "connecting":
      return limits.ICE_MS;
    case "securing":
      return limits.DTLS_MS;
    case "seeing":
      return limits.FRAME_MS;
    case "live":
      if (state.phase.probing) return patience(limits.PROBE_MS, state.rttMs);
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
    case "epoch":
      return epochStep({ ...state, newest: Math.max(state.newest, event.epoch) });
    case "queued":
      return stay({ ...state, queued: event.queued });
    case "take-over":
      return state.phase.at === "elsewhere" || state.phase.at === "idle"
        ? open({ ...state, own: undefined, failures: 0 })
        : stay(state);
    case "yield":
      return state.phase.at === "elsewhere" ? stay(state) : elsewhere(state);
    case "retry-now":
      return retryNow(state);
    case "doubt":
      return doubtStep(state, event.doubt);
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
      return phase.at === "posting" ? posted(state, event.epoch) : stay(state);
    case "not-posted":
      return phase.at === "posting" ? notPosted(state, phase.tries, event.cause, event.pauseMs) : stay(state);
    case "answered":
      return phase.at === "answering" ? to(state, { at: "connecting", epoch: phase.epoch }) : stay(state);
    case "ice-connected":
      return rise(state, "securing");
    case "dtls-connected":
      return rise(state, "seeing");
    case "frame":
      return rise(state, "live");
    case "heard":
      return heard({ ...state, rttMs: event.rttMs ?? state.rttMs });
    case "taken-over":
      return takenOver(state, event.current);
    case "failed":
      // While the offer is on its way nothing can fail that the answer's absence would not tell; a new attempt could
      // take this one's epoch, stored but not heard of, for another page's.
      if (phase.at === "posting" || phase.at === "reposting") return stay(state);
      return hasAttempt(phase) ? fail(state, event.cause) : stay(state);
    case "refused":
      return hasAttempt(phase) ? finish(state, { at: "refused", problem: event.problem }) : stay(state);
  }
}

function posted(before: State, epoch: number): Step {
  const state = { ...before, own: epoch, newest: Math.max(before.newest, epoch) };
  if (state.newest > epoch) return elsewhere(state);
  return to(state, { at: "answering", epoch }, [{ do: "listen", attempt: state.attempt, epoch }]);
}

function notPosted(state: State, tries: number, cause: Cause, atLeastMs = 0): Step {
  const pauseMs = Math.max(pause(Math.max(tries, 2)), Math.min(atLeastMs, limits.MAX_RETRY_AFTER_MS));
  return to({ ...state, cause }, { at: "reposting", tries, pauseMs });
}

function heard(state: State): Step {
  const { phase } = state;
  return phase.at === "live" && phase.probing ? to(state, { ...phase, probing: undefined }) : stay(state);
}

/** The person wants the desktop here, and the offer came after an epoch that is not the newest: so it comes after that. */
function takenOver(state: State, current: number | undefined): Step {
  const { phase, own } = state;
  if (phase.at === "posting" && own === undefined && current !== undefined && current > phase.after)
    return post({ ...state, newest: Math.max(state.newest, current) }, phase.tries);
  return hasAttempt(phase) ? elsewhere(state) : stay(state);
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
      const next: Phase = at === "live" ? { at, epoch, probing: undefined } : { at, epoch };
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
      return notPosted(state, phase.tries, "controller-unreachable");
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
      return phase.probing ? fail(state, phase.probing) : to({ ...state, failures: 0 }, phase);
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

function epochStep(state: State): Step {
  const { phase, own, newest } = state;
  switch (phase.at) {
    // Its own epoch is on its way, and this may be it: what the controller says to the offer decides.
    case "posting":
    case "reposting":
    case "idle":
    case "elsewhere":
    case "refused":
    case "ended":
    case "stopped":
      return stay(state);
    case "offering":
    case "answering":
    case "connecting":
    case "securing":
    case "seeing":
    case "live":
    case "waiting":
      return own !== undefined && newest > own ? elsewhere(state) : stay(state);
  }
}

function retryNow(state: State): Step {
  if (state.phase.at === "waiting") return open(state);
  if (state.phase.at === "reposting") return post(state, state.phase.tries + 1);
  return stay(state);
}

function doubtStep(state: State, doubt: Doubt): Step {
  const { phase } = state;
  const { cause, wasAway } = DOUBTS[doubt];
  switch (phase.at) {
    case "live":
      if (phase.probing) return stay(state);
      return to(state, { ...phase, probing: cause }, [{ do: "probe", attempt: state.attempt }]);
    case "waiting":
    case "reposting":
      return retryNow(state);
    case "posting":
      return wasAway ? post(state, phase.tries) : stay(state);
    case "answering":
    case "connecting":
    case "securing":
    case "seeing":
      return wasAway ? renew({ ...state, cause }) : stay(state);
    case "idle":
    case "offering":
    case "elsewhere":
    case "refused":
    case "ended":
    case "stopped":
      return stay(state);
  }
}

function fail(state: State, cause: Cause): Step {
  const failed: State = { ...state, cause, failures: state.failures + 1, phase: { at: "waiting" } };
  if (pause(failed.failures) > 0)
    return { state: failed, effects: [{ do: "close", attempt: state.attempt }] };
  return renew(failed);
}

/** The next attempt, in the place of the present one. */
function renew(state: State): Step {
  const next = open(state);
  return { state: next.state, effects: [{ do: "close", attempt: state.attempt }, ...next.effects] };
}

/** An attempt is never used again: a new one has a new number, connection and epoch. */
function open(state: State): Step {
  const attempt = state.attempt + 1;
  return { state: { ...state, attempt, phase: { at: "offering" } }, effects: [{ do: "open", attempt }] };
}

function post(state: State, tries: number): Step {
  const after = state.own ?? state.newest;
  return to(state, { at: "posting", tries, after }, [{ do: "post", attempt: state.attempt, after }]);
}

function elsewhere(state: State): Step {
  return to({ ...state, cause: undefined }, { at: "elsewhere" }, [{ do: "close", attempt: state.attempt }]);
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
