//! The one owner of a session's RTCPeerConnection, from the click to the end (invariant live-peer). It carries out what
//! `machine.ts` decides and feeds back what happens. It lives outside the components and knows none of them.

import type { Outcome } from "../api/client";
import { idempotencyKey } from "../api/key";
import type { Candidate, ConnectionState, IceServers } from "../api/types";
import { Driver } from "./driver";
import { Heartbeat } from "./heartbeat";
import { type AttemptEvent, type Effect, isOver, type Phase, type State } from "./machine";
import type { FromGuest, Input } from "./messages";
import { listenForDoubts } from "./network";
import { Peer } from "./peer";
import { Picture } from "./picture";
import { Relays, toRtc } from "./relays";
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
  /** What is known of relays at the click, when there is no session yet. */
  relays?: IceServers | undefined;
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
  heartbeat: Heartbeat | undefined;
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
  readonly #key = idempotencyKey();
  readonly #listeners = new Set<() => void>();
  readonly #life = new AbortController();
  readonly #driver = new Driver({
    carryOut: (effect) => this.#carryOut(effect),
    changed: () => this.#publish({}),
    over: () => this.#end(),
  });
  #sessionId: string | undefined;
  #relays: Relays | undefined;
  #attempt: Attempt | undefined;
  #posting: AbortController | undefined;
  #snapshot: ViewerSnapshot;

  constructor(options: ViewerOptions) {
    this.#options = options;
    if (options.sessionId) this.#name(options.sessionId);
    this.#snapshot = {
      ...facts(this.#driver.state),
      pictured: false,
      desktop: undefined,
      latencyMs: undefined,
    };
    const { signal } = this.#life;
    listenForDoubts((doubt) => this.#driver.handle({ type: "doubt", doubt }), signal);
    // So that the guest knows at once, instead of by ICE's consent seconds later.
    globalThis.addEventListener("pagehide", () => this.#attempt?.peer.close(), { signal });
  }

  start(): void {
    performance.mark("anteroom:start");
    this.#driver.handle({ type: "start" });
  }

  /** What the session's stream says that concerns the connection. */
  sessionSays(news: { epoch: number; ended: boolean; queued: boolean }): void {
    this.#driver.handle({ type: "queued", queued: news.queued });
    this.#driver.handle(news.ended ? { type: "session-ended" } : { type: "epoch", epoch: news.epoch });
  }

  takeOver(): void {
    this.#driver.handle({ type: "take-over" });
  }

  /** Leaves the desktop to other pages. */
  yield(): void {
    this.#driver.handle({ type: "yield" });
  }

  retryNow(): void {
    this.#driver.handle({ type: "retry-now" });
  }

  stop(): void {
    this.#driver.handle({ type: "stop" });
  }

  /** Relays for the session's connections, once it has a name. */
  get relays(): Relays | undefined {
    return this.#relays;
  }

  /** Whether the desktop takes the keys. While a person has to help, they are the page's. */
  get takesKeys(): boolean {
    const { state } = this.#driver;
    const { at } = state.phase;
    return at !== "waiting" && at !== "reposting" && at !== "elsewhere" && at !== "idle" && !isOver(state);
  }

  /** Sends an input event; without a live connection it is dropped. */
  send(message: Input): boolean {
    const isSent = this.#isLive && this.#attempt?.peer.channels?.send(message) === true;
    if (isSent && message.t !== "ping") this.#attempt?.heartbeat?.follow();
    return isSent;
  }

  /** Sends a pointer position; says no when it could not be sent now. */
  move(x: number, y: number): boolean {
    return this.#isLive && this.#attempt?.peer.channels?.move(x, y) === true;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): ViewerSnapshot => this.#snapshot;

  get #isLive(): boolean {
    return this.#driver.state.phase.at === "live";
  }

  #carryOut(effect: Effect): void {
    switch (effect.do) {
      case "open":
        return this.#open(effect.attempt);
      case "post":
        return void this.#post(effect.attempt, effect.after);
      case "listen":
        return void this.#listen(effect.attempt, effect.epoch);
      case "report":
        return this.#report(effect.epoch, effect.state);
      case "probe":
        return this.#probe(effect.attempt);
      case "close":
        return this.#close(effect.attempt);
    }
  }

  #tell(attempt: number, event: AttemptEvent): void {
    this.#driver.handle({ type: "attempt", attempt, event });
  }

  #open(number: number): void {
    const abort = new AbortController();
    const tell = (event: AttemptEvent) => this.#tell(number, event);
    try {
      const peer: Peer = new Peer(
        {
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
        },
        { input: true },
      );
      this.#attempt = {
        number,
        peer,
        abort,
        heartbeat: undefined,
        sdp: "",
        epoch: undefined,
        outbox: [],
        sending: false,
        reports: Promise.resolve(),
      };
      void this.#offer(this.#attempt);
    } catch {
      // A browser without WebRTC, or one that was told to have none.
      queueMicrotask(() => tell({ type: "failed", cause: "offer-not-made" }));
    }
  }

  async #offer(attempt: Attempt): Promise<void> {
    // The click waits for no call: what is not known by then serves the next epoch.
    const relays = this.#relays?.soon() ?? Promise.resolve(toRtc(this.#options.relays));
    try {
      attempt.sdp = await attempt.peer.offer(relays);
      this.#tell(attempt.number, { type: "offered" });
    } catch {
      this.#tell(attempt.number, { type: "failed", cause: "offer-not-made" });
    }
  }

  async #post(number: number, after: number): Promise<void> {
    const attempt = this.#current(number);
    if (!attempt) return;
    this.#posting?.abort();
    this.#posting = new AbortController();
    const signal = AbortSignal.any([this.#posting.signal, attempt.abort.signal]);
    // The same body each time: it stands under one idempotency key. Candidates follow by themselves.
    const got = await this.#send({ sdp: attempt.sdp, candidates: [] }, after, signal);
    if (signal.aborted) return;
    if (got.kind === "unreachable")
      return this.#tell(number, { type: "not-posted", cause: "controller-unreachable" });
    if (got.kind === "problem") {
      if (got.problem.status === 410) return this.#driver.handle({ type: "session-ended" });
      const takenOver = signaling.takenOver(got.problem);
      if (takenOver) return this.#tell(number, takenOver);
      return this.#tell(number, { type: "refused", problem: got.problem });
    }
    attempt.epoch = got.value.epoch;
    this.#tell(number, { type: "posted", epoch: got.value.epoch });
    void this.#flush(attempt);
  }

  /** The first offer makes the session, those after it make epochs of it. */
  async #send(
    offered: signaling.Offered,
    after: number,
    signal: AbortSignal,
  ): Promise<Outcome<{ epoch: number }>> {
    if (this.#sessionId) return signaling.offerAgain(this.#sessionId, after, offered, signal);
    const { provider, relays } = this.#options;
    const click = { provider, key: this.#key, ticket: relays?.ticket ?? undefined };
    const got = await signaling.startSession(click, offered, signal);
    if (got.kind === "ok") {
      this.#name(got.value.sessionId);
      this.#options.onSession?.(got.value.sessionId);
    }
    return got;
  }

  #name(sessionId: string): void {
    this.#sessionId = sessionId;
    this.#relays = new Relays(sessionId);
    void this.#relays.refresh();
  }

  async #listen(number: number, epoch: number): Promise<void> {
    const attempt = this.#current(number);
    const id = this.#sessionId;
    if (!attempt || !id) return;
    const { signal } = attempt.abort;
    const got = await signaling.awaitAnswer(id, epoch, signal);
    if (signal.aborted) return;
    switch (got.kind) {
      case "aborted":
        return;
      case "ended":
        return this.#driver.handle({ type: "session-ended" });
      case "superseded":
        return this.#tell(number, { type: "taken-over" });
      case "refused":
        return this.#tell(number, { type: "refused", problem: got.problem });
      case "answer":
    }
    // First the phase, then the description: the browser may report ICE before the call returns.
    this.#tell(number, { type: "answered" });
    try {
      await attempt.peer.answer(got.sdp);
    } catch {
      return this.#tell(number, { type: "failed", cause: "answer-not-taken" });
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
    if (!attempt || !id) return;
    if (state === "frame-decoded") this.#wentLive(attempt);
    attempt.reports = attempt.reports.then(() => signaling.report(id, epoch, state, attempt.abort.signal));
  }

  #wentLive(attempt: Attempt): void {
    performance.mark("anteroom:first-frame");
    this.#publish({ pictured: true, latencyMs: undefined });
    attempt.heartbeat = new Heartbeat({
      ping: (id) => this.send({ t: "ping", id }),
      received: () => attempt.peer.received(),
      onLatency: (latencyMs) => this.#publish({ latencyMs }),
      onSilence: () => this.#driver.handle({ type: "doubt", doubt: "connection-silent" }),
      signal: attempt.abort.signal,
    });
  }

  #probe(number: number): void {
    const attempt = this.#current(number);
    if (!attempt) return;
    void attempt.heartbeat?.probe(() => this.#tell(number, { type: "heard" }), attempt.abort.signal);
  }

  #hear(number: number, message: FromGuest): void {
    const attempt = this.#current(number);
    if (!attempt) return;
    switch (message.t) {
      case "desktop":
        return this.#publish({ desktop: { width: message.width, height: message.height } });
      case "pong":
        return this.#tell(number, { type: "heard", rttMs: attempt.heartbeat?.pong(message.id) ?? 0 });
    }
  }

  #current(number: number): Attempt | undefined {
    return this.#attempt?.number === number ? this.#attempt : undefined;
  }

  #close(number: number): void {
    const attempt = this.#current(number);
    if (!attempt) return;
    attempt.abort.abort();
    this.picture.hold();
    attempt.peer.close();
    this.#attempt = undefined;
  }

  #end(): void {
    this.#life.abort();
    this.picture.clear();
  }

  #publish(change: Partial<Pick<ViewerSnapshot, "pictured" | "desktop" | "latencyMs">>): void {
    const next = { ...this.#snapshot, ...facts(this.#driver.state), ...change };
    const keys = Object.keys(next) as (keyof ViewerSnapshot)[];
    if (keys.every((key) => next[key] === this.#snapshot[key])) return;
    this.#snapshot = next;
    for (const listener of this.#listeners) listener();
  }
}

/** What of the machine's state a view may know. */
export function facts(state: State): Pick<ViewerSnapshot, "phase" | "epoch" | "failures" | "cause"> {
  const { phase, failures, cause } = state;
  return { phase, epoch: "epoch" in phase ? phase.epoch : undefined, failures, cause };
}
