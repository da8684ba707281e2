//! The viewer's calls to the controller, as outcomes. It holds no state but the session's name; waiting is the
//! controller's long poll, never a pause of ours, except when the controller can't be reached.

import { api, CALL_MS, type Outcome, outcome, POLL_SLACK_MS, within } from "../api/client";
import type { Candidate, ConnectionState, IceServers, LoggedCandidate, Problem } from "../api/types";
import { MAX_CANDIDATES_PER_REQUEST, POLL_WAIT_S, POST_MAX_MS } from "./limits";

/** What a viewer sends when it offers. */
export interface Offered {
  sdp: string;
  candidates: Candidate[];
}

/** What the answer's long poll came to. */
export type Answered =
  | { kind: "answer"; sdp: string; candidates: LoggedCandidate[] }
  | { kind: "ended" }
  | { kind: "superseded" }
  | { kind: "refused"; problem: Problem }
  | { kind: "aborted" };

const POLL_MS = POLL_WAIT_S * 1000 + POLL_SLACK_MS;
const PAUSE_MS = 1_000;

/** The click: the offer goes with it, so that no machine is ever made for a page that can't show it. */
export async function startSession(
  { provider, key, ticket }: { provider: string; key: string; ticket: string | undefined },
  offered: Offered,
  signal: AbortSignal,
) {
  // The ticket makes the relays that this offer was made with good for its session.
  const relayTicket = ticket ? { relayTicket: ticket } : {};
  return outcome(
    api.POST("/api/vm/auth", {
      params: { header: { "Idempotency-Key": key } },
      body: { provider, method: "desktop", webrtcOffer: withCandidates(offered), ...relayTicket },
      signal: within(POST_MAX_MS, signal),
    }),
  );
}

/** A new connection of a session that exists: a new epoch, if `after` is its newest one so far. */
export async function offerAgain(id: string, after: number, offered: Offered, signal: AbortSignal) {
  return outcome(
    api.POST("/api/webrtc/session/{id}/offer", {
      params: { path: { id } },
      body: { ...withCandidates(offered), after },
      signal: within(POST_MAX_MS, signal),
    }),
  );
}

function withCandidates({ sdp, candidates }: Offered) {
  return {
    offer: { type: "offer" as const, sdp },
    candidates: candidates.slice(0, MAX_CANDIDATES_PER_REQUEST),
  };
}

/** What a refused offer means when another page has the desktop: by what the offer said that it knows, or because it was
 * stored unheard and is superseded already. In that case there is no epoch after which the same offer could come. */
export function takenOver({ type, epoch }: Problem): { type: "taken-over"; current?: number } | undefined {
  if (type === "/problems/stale-epoch") return { type: "taken-over" };
  if (type === "/problems/taken-over") return { type: "taken-over", ...(epoch ? { current: epoch } : {}) };
  return undefined;
}

/** Relays for a session, or without one, for the click that will make it. */
export async function askRelays(sessionId: string | undefined): Promise<Outcome<IceServers>> {
  const query = sessionId ? { session: sessionId } : {};
  return outcome(api.GET("/api/webrtc/ice-servers", { params: { query }, signal: within(CALL_MS) }));
}

/** Waits for the epoch's answer until there is one, there can be none, or `signal`. */
export async function awaitAnswer(id: string, epoch: number, signal: AbortSignal): Promise<Answered> {
  while (!signal.aborted) {
    const got = await outcome(
      api.GET("/api/webrtc/session/{id}/answer", {
        params: { path: { id }, query: { epoch, wait: POLL_WAIT_S } },
        signal: within(POLL_MS, signal),
      }),
    );
    if (got.kind === "unreachable") await pause(signal);
    else if (got.kind === "problem") return refusal(got.problem);
    else if (got.status === 200) {
      const { answer, candidates } = got.value;
      return { kind: "answer", sdp: answer.sdp, candidates };
    }
  }
  return { kind: "aborted" };
}

function refusal(problem: Problem): Answered {
  if (problem.status === 410) return { kind: "ended" };
  if (problem.status === 409) return { kind: "superseded" };
  return { kind: "refused", problem };
}

/** Hands on the guest's later candidates, in their order, until its log is complete or `signal`. */
export async function followCandidates(
  id: string,
  epoch: number,
  after: number,
  take: (candidate: LoggedCandidate) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let next = after;
  while (!signal.aborted) {
    const got = await outcome(
      api.GET("/api/webrtc/session/{id}/candidates/{side}", {
        params: { path: { id, side: "vm" }, query: { epoch, after: next, wait: POLL_WAIT_S } },
        signal: within(POLL_MS, signal),
      }),
    );
    if (got.kind === "unreachable") await pause(signal);
    else if (got.kind === "problem") return;
    else if (got.status === 200) {
      for (const candidate of got.value.candidates) await take(candidate);
      if (got.value.complete) return;
      next = got.value.next;
    }
  }
}

/** Sends candidates; repeats while the controller can't be reached, since a log without a gap is the contract. */
export async function sendCandidates(
  id: string,
  epoch: number,
  candidates: Candidate[],
  signal: AbortSignal,
): Promise<void> {
  for (let from = 0; from < candidates.length; from += MAX_CANDIDATES_PER_REQUEST) {
    const batch = candidates.slice(from, from + MAX_CANDIDATES_PER_REQUEST);
    const send = () =>
      outcome(
        api.POST("/api/webrtc/session/{id}/candidate", {
          params: { path: { id } },
          body: { epoch, candidates: batch },
          signal: within(CALL_MS, signal),
        }),
      );
    await untilReached(send, signal);
  }
}

/** Says how far the connection has come; only the page can know what was decoded. */
export async function report(
  id: string,
  epoch: number,
  state: ConnectionState,
  signal: AbortSignal,
): Promise<void> {
  const send = () =>
    outcome(
      api.POST("/api/webrtc/session/{id}/connection", {
        params: { path: { id } },
        body: { epoch, state },
        signal: within(CALL_MS, signal),
      }),
    );
  await untilReached(send, signal);
}

/** Makes a call until the controller has heard it, or `signal`. */
export async function untilReached<T>(send: () => Promise<Outcome<T>>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if ((await send()).kind !== "unreachable") return;
    await pause(signal);
  }
}

/** A pause before an unreachable controller is asked again; ends early with `signal`. */
function pause(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      done();
    };
    const timer = setTimeout(end, PAUSE_MS);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
