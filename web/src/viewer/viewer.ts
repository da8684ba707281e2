//! The one owner of a session's RTCPeerConnection, from the click to the end (invariant live-peer). It carries out what
//! `machine.ts` decides and feeds back what happens. It lives outside the components and knows none of them.

import type { Outcome } from "../api/client";
import type { Candidate, ConnectionState } from "../api/types";
import * as limits from "./limits";
import {
  type AttemptEvent,
  deadline,
  type Effect,
  type Event,
  initial,
  isOver,
  type Phase,
  type State,
  step,
} from "./machine";
import type { FromGuest, Input } from "./messages";
import { Peer } from "./peer";
import { Picture } from "./picture";
import * as signaling from "./signaling";

/** What a view may know. A new object whenever something in it changed. */
export interface ViewerSnapshot {
  readonly phase: Phase;
  readonly epoch: number | undefined;
  readonly failures: number;
  readonly cause: State["cause"];
  /** Whether a frame was ever shown: then the last one stands while a new connection is made. */
  readonly pictured: boolean;
  readonly desktop: { width: number; height: number } | undefined;
  readonly latencyMs: number | undefined;
}

export interface ViewerOptions {
  /** What to sign in to, when there is no session yet. */
  provider: string;
  /** The session, when it exists: its epochs go on. */
  sessionId?: string;
  /** The session is known: the first offer was stored with it. */
  onSession?: (sessionId: string) => void;
}

/** What one attempt has; all of it ends with `abort`. */
interface Attempt {
  readonly number: number;
  readonly peer: Peer;
  readonly abort: AbortController;
  sdp: string;
  epoch: number | undefined;
  /** Candidates that wait for the epoch's number, or for those before them. */
  outbox: Candidate[];
  sending: boolean;
  /** The reports so far, so that a later state never overtakes an earlier one. */
  reports: Promise<void>;
}

export class Viewer {
  readonly picture = new Picture();
  readonly #options: ViewerOptions;
  readonly #key = randomKey();
  readonly #listeners = new Set<() => void>();
  readonly #life = new AbortController();
  #state: State = initial;
  #sessionId: string | undefined;
  #attempt: Attempt | undefined;
  #lastEpoch: number | undefined;
  #posting: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pinger: ReturnType<typeof setInterval> | undefined;
  #pings = new Map<number, number>();
  #lastPing = 0;
  #snapshot: ViewerSnapshot;

  constructor(options: ViewerOptions) {
    this.#options = options;
    this.#sessionId = options.sessionId;
    this.#snapshot = { ...facts(initial), pictured: false, desktop: undefined, latencyMs: undefined };
    const doubt = () => this.#handle({ type: "doubt" });
    const visible = () => document.visibilityState === "visible" && doubt();
    const { signal } = this.#life;
    globalThis.addEventListener("online", doubt, { signal });
    globalThis.addEventListener("pageshow", doubt, { signal });
    document.addEventListener("visibilitychange", visible, { signal });
    // So that the guest knows at once, instead of by ICE's consent seconds later.
    globalThis.addEventListener("pagehide", () => this.#attempt?.peer.close(), { signal });
  }

  start(): void {
    performance.mark("anteroom:start");
    this.#handle({ type: "start" });
  }

  /** What the session's stream says that concerns the connection. */
  sessionSays(news: { epoch: number; ended: boolean }): void {
    if (news.ended) this.#handle({ type: "session-ended" });
    else if (this.#lastEpoch !== undefined && news.epoch > this.#lastEpoch)
      this.#handle({ type: "superseded" });
  }

  takeOver(): void {
    this.#handle({ type: "take-over" });
  }

  retryNow(): void {
    this.#handle({ type: "retry-now" });
  }

  stop(): void {
    this.#handle({ type: "stop" });
  }

  /** Whether the desktop takes the keys. While a person has to help, they are the page's. */
  get takesKeys(): boolean {
    const { at } = this.#state.phase;
    return at !== "waiting" && at !== "reposting" && at !== "elsewhere" && !isOver(this.#state);
  }

  /** Sends an input event; without a live connection it is dropped. */
  send(message: Input): boolean {
    return this.#state.phase.at === "live" && this.#attempt?.peer.channels.send(message) === true;
  }

  /** Sends a pointer position; says no when it could not be sent now. */
  move(x: number, y: number): boolean {
    return this.#state.phase.at === "live" && this.#attempt?.peer.channels.move(x, y) === true;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): ViewerSnapshot => this.#snapshot;

  #handle(event: Event): void {
    const before = this.#state;
    const { state, effects } = step(before, event);
    this.#state = state;
    if (state.phase !== before.phase || deadline(state) !== deadline(before)) this.#arm();
    for (const effect of effects) this.#carryOut(effect);
    if (isOver(state)) this.#end();
    this.#publish({});
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const ms = deadline(this.#state);
    this.#timer = ms === undefined ? undefined : setTimeout(() => this.#handle({ type: "deadline" }), ms);
  }

  #carryOut(effect: Effect): void {
    switch (effect.do) {
      case "open":
        return this.#open(effect.attempt);
      case "post":
        return void this.#post(effect.attempt);
      case "listen":
        return void this.#listen(effect.attempt, effect.epoch);
      case "report":
        return this.#report(effect.epoch, effect.state);
      case "probe":
        return this.#ping();
      case "close":
        return this.#close(effect.attempt);
    }
  }

  #open(number: number): void {
    const abort = new AbortController();
    const tell = (event: AttemptEvent) => this.#handle({ type: "attempt", attempt: number, event });
    try {
      const peer = new Peer({
        event: tell,
        candidate: (candidate) => this.#queue(number, candidate),
        stream: (stream) =>
          this.picture.show(
            stream,
            () => peer.framesDecoded(),
            () => tell({ type: "frame" }),
            abort.signal,
          ),
        message: (message) => this.#hear(number, message),
      });
      const attempt: Attempt = {
        number,
        peer,
        abort,
        sdp: "",
        epoch: undefined,
        outbox: [],
        sending: false,
        reports: Promise.resolve(),
      };
      this.#attempt = attempt;
      peer.offer().then(
        (sdp) => {
          attempt.sdp = sdp;
          tell({ type: "offered" });
        },
        () => tell({ type: "failed", cause: "offer-not-made" }),
      );
    } catch {
      // A browser without WebRTC, or one that was told to have none.
      queueMicrotask(() => tell({ type: "failed", cause: "offer-not-made" }));
    }
  }

  async #post(number: number): Promise<void> {
    const attempt = this.#current(number);
    if (!attempt) return;
    this.#posting?.abort();
    this.#posting = new AbortController();
    const signal = AbortSignal.any([this.#posting.signal, attempt.abort.signal]);
    const tell = (event: AttemptEvent) => this.#handle({ type: "attempt", attempt: number, event });
    // The same body each time: it stands under one idempotency key. Candidates follow by themselves.
    const offered = { sdp: attempt.sdp, candidates: [] };
    const got = await this.#send(offered, signal);
    if (signal.aborted) return;
    if (got.kind === "unreachable") return tell({ type: "post-unreachable" });
    if (got.kind === "problem") {
      if (got.problem.status === 410) return this.#handle({ type: "session-ended" });
      return tell({ type: "refused", problem: got.problem });
    }
    attempt.epoch = got.value.epoch;
    this.#lastEpoch = got.value.epoch;
    tell({ type: "posted", epoch: got.value.epoch });
    void this.#flush(attempt);
  }

  /** The first offer makes the session, those after it make epochs of it. */
  async #send(offered: signaling.Offered, signal: AbortSignal): Promise<Outcome<{ epoch: number }>> {
    if (this.#sessionId) return signaling.offerAgain(this.#sessionId, offered, signal);
    const got = await signaling.startSession(this.#options.provider, this.#key, offered, signal);
    if (got.kind === "ok") {
      this.#sessionId = got.value.sessionId;
      this.#options.onSession?.(got.value.sessionId);
    }
    return got;
  }

  async #listen(number: number, epoch: number): Promise<void> {
    const attempt = this.#current(number);
    const id = this.#sessionId;
    if (!attempt || !id) return;
    const { signal } = attempt.abort;
    const tell = (event: AttemptEvent) => this.#handle({ type: "attempt", attempt: number, event });
    const got = await signaling.awaitAnswer(id, epoch, signal);
    if (signal.aborted) return;
    switch (got.kind) {
      case "aborted":
        return;
      case "ended":
        return this.#handle({ type: "session-ended" });
      case "superseded":
        return this.#handle({ type: "superseded" });
      case "refused":
        return tell({ type: "refused", problem: got.problem });
      case "answer":
    }
    // First the phase, then the description: the browser may report ICE before the call returns.
    tell({ type: "answered" });
    try {
      await attempt.peer.answer(got.sdp);
    } catch {
      return tell({ type: "failed", cause: "answer-not-taken" });
    }
    for (const candidate of got.candidates) await attempt.peer.addCandidate(candidate);
    if (got.candidates.some((candidate) => candidate.candidate === "")) return;
    const after = got.candidates.at(-1)?.seq ?? 0;
    await signaling.followCandidates(
      id,
      epoch,
      after,
      (candidate) => attempt.peer.addCandidate(candidate),
      signal,
    );
  }

  #queue(number: number, candidate: Candidate): void {
    const attempt = this.#current(number);
    if (!attempt) return;
    attempt.outbox.push(candidate);
    void this.#flush(attempt);
  }

  /** One request at a time, so that the log has the order in which the browser found them. */
  async #flush(attempt: Attempt): Promise<void> {
    const id = this.#sessionId;
    if (attempt.sending || attempt.epoch === undefined || !id) return;
    attempt.sending = true;
    while (attempt.outbox.length > 0 && !attempt.abort.signal.aborted) {
      await signaling.sendCandidates(id, attempt.epoch, attempt.outbox.splice(0), attempt.abort.signal);
    }
    attempt.sending = false;
  }

  #report(epoch: number, state: ConnectionState): void {
    const attempt = this.#attempt;
    const id = this.#sessionId;
    if (state === "frame-decoded") this.#wentLive();
    if (!attempt || !id) return;
    attempt.reports = attempt.reports.then(() => signaling.report(id, epoch, state, attempt.abort.signal));
  }

  #wentLive(): void {
    performance.mark("anteroom:first-frame");
    clearInterval(this.#pinger);
    this.#pinger = setInterval(() => document.visibilityState === "visible" && this.#ping(), limits.PING_MS);
    this.#publish({ pictured: true, latencyMs: undefined });
    this.#ping();
  }

  #ping(): void {
    this.#lastPing = (this.#lastPing + 1) % 0x1_0000_0000;
    // Those that were never answered are of no use any more.
    if (this.#pings.size > 10) this.#pings.clear();
    if (this.send({ t: "ping", id: this.#lastPing })) this.#pings.set(this.#lastPing, performance.now());
  }

  #hear(number: number, message: FromGuest): void {
    if (!this.#current(number)) return;
    switch (message.t) {
      case "desktop":
        return this.#publish({ desktop: { width: message.width, height: message.height } });
      case "pong": {
        const sent = this.#pings.get(message.id);
        this.#pings.delete(message.id);
        if (sent !== undefined) this.#publish({ latencyMs: performance.now() - sent });
        return this.#handle({ type: "attempt", attempt: number, event: { type: "pong" } });
      }
    }
  }

  #current(number: number): Attempt | undefined {
    return this.#attempt?.number === number ? this.#attempt : undefined;
  }

  #close(number: number): void {
    const attempt = this.#current(number);
    clearInterval(this.#pinger);
    this.#pings.clear();
    if (!attempt) return;
    attempt.abort.abort();
    this.picture.hold();
    attempt.peer.close();
    this.#attempt = undefined;
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#life.abort();
    this.picture.clear();
  }

  #publish(change: Partial<Pick<ViewerSnapshot, "pictured" | "desktop" | "latencyMs">>): void {
    const next = { ...this.#snapshot, ...facts(this.#state), ...change };
    const keys = Object.keys(next) as (keyof ViewerSnapshot)[];
    if (keys.every((key) => next[key] === this.#snapshot[key])) return;
    this.#snapshot = next;
    for (const listener of this.#listeners) listener();
  }
}

function facts(state: State): Pick<ViewerSnapshot, "phase" | "epoch" | "failures" | "cause"> {
  const { phase, failures, cause } = state;
  return { phase, epoch: "epoch" in phase ? phase.epoch : undefined, failures, cause };
}

/** 128 random bits; `crypto.randomUUID` is missing on pages without TLS. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
