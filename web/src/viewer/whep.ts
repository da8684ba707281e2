//! A view-only connection of a session, by WHEP: the same desktop, without input and without an epoch, beside whoever has
//! it. It runs the same `machine.ts` as the viewer, owns its own RTCPeerConnection, and never changes the session.

import { CALL_MS, type Outcome, outcome, type Raw, raw, within } from "../api/client";
import type { Candidate } from "../api/types";
import { DOUBTS } from "./doubt";
import { Driver } from "./driver";
import { WHEP_POST_MS } from "./limits";
import { type AttemptEvent, deadline, type Effect } from "./machine";
import { listenForDoubts } from "./network";
import { Peer } from "./peer";
import { Picture } from "./picture";
import type { Relays } from "./relays";
import { sdpFragment } from "./sdpfrag";
import { untilReached } from "./signaling";
import { facts, type ViewerSnapshot } from "./viewer";

export interface WatcherOptions {
  sessionId: string;
  relays: Relays | undefined;
}

/** What the server made for an offer (RFC 9725's resource), under the ETag of its one ICE session. */
interface Resource {
  url: string;
  etag: string;
}

interface Attempt {
  readonly number: number;
  readonly peer: Peer;
  readonly abort: AbortController;
  sdp: string;
  resource: Resource | undefined;
  outbox: Candidate[];
  sending: boolean;
}

export class Watcher {
  readonly picture = new Picture();
  readonly #options: WatcherOptions;
  readonly #listeners = new Set<() => void>();
  readonly #life = new AbortController();
  readonly #driver = new Driver({
    carryOut: (effect) => this.#carryOut(effect),
    changed: () => this.#publish({}),
    over: () => this.#end(),
    deadline: (state) => (state.phase.at === "posting" ? WHEP_POST_MS : deadline(state)),
  });
  #attempt: Attempt | undefined;
  #snapshot: ViewerSnapshot;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#snapshot = {
      ...facts(this.#driver.state),
      pictured: false,
      desktop: undefined,
      latencyMs: undefined,
    };
    const { signal } = this.#life;
    // A connection that only shows is cheap to make and has no pings: it is doubted only when the network was away.
    listenForDoubts(
      (doubt) => DOUBTS[doubt].wasAway && this.#driver.handle({ type: "doubt", doubt }),
      signal,
    );
    globalThis.addEventListener("pagehide", () => this.#attempt && this.#drop(this.#attempt), { signal });
  }

  start(): void {
    this.#driver.handle({ type: "start" });
  }

  retryNow(): void {
    this.#driver.handle({ type: "retry-now" });
  }

  stop(): void {
    this.#driver.handle({ type: "stop" });
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): ViewerSnapshot => this.#snapshot;

  #carryOut(effect: Effect): void {
    switch (effect.do) {
      case "open":
        return this.#open(effect.attempt);
      case "post":
        return void this.#post(effect.attempt);
      case "report":
        if (effect.state === "frame-decoded") this.#publish({ pictured: true });
        return;
      case "close":
        return this.#close(effect.attempt);
      // The answer came with the post, and what is doubted is simply made anew when the probe's time is over.
      case "listen":
      case "probe":
        return;
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
          message: () => undefined,
        },
        { input: false },
      );
      this.#attempt = { number, peer, abort, sdp: "", resource: undefined, outbox: [], sending: false };
      void this.#offer(this.#attempt);
    } catch {
      queueMicrotask(() => tell({ type: "failed", cause: "offer-not-made" }));
    }
  }

  async #offer(attempt: Attempt): Promise<void> {
    try {
      attempt.sdp = await attempt.peer.offer(this.#options.relays?.soon() ?? Promise.resolve([]));
      this.#tell(attempt.number, { type: "offered" });
    } catch {
      this.#tell(attempt.number, { type: "failed", cause: "offer-not-made" });
    }
  }

  async #post(number: number): Promise<void> {
    const attempt = this.#current(number);
    if (!attempt) return;
    const url = new URL(`/api/session/${encodeURIComponent(this.#options.sessionId)}/whep`, location.href);
    // Never aborted: a resource that was made must be known, so that it can be given back.
    const got = await call(url.href, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: attempt.sdp,
      signal: AbortSignal.timeout(WHEP_POST_MS),
    });
    if (got.kind === "ok") attempt.resource = resourceOf(got.value, url);
    if (attempt.abort.signal.aborted) return this.#drop(attempt);
    switch (got.kind) {
      case "unreachable":
        return this.#tell(number, { type: "not-posted", cause: "controller-unreachable" });
      case "problem":
        return this.#refused(number, got);
      case "ok":
        return this.#answered(attempt, got.value.text);
    }
  }

  #refused(number: number, { problem, retryAfterMs }: Outcome<Raw> & { kind: "problem" }): void {
    if (problem.status === 410) return this.#driver.handle({ type: "session-ended" });
    if (problem.status !== 409) return this.#tell(number, { type: "refused", problem });
    const pauseMs = retryAfterMs === undefined ? {} : { pauseMs: retryAfterMs };
    this.#tell(number, { type: "not-posted", cause: "no-picture-yet", ...pauseMs });
  }

  async #answered(attempt: Attempt, sdp: string): Promise<void> {
    const { number } = attempt;
    // It has no epoch; the machine's rule needs a number.
    this.#tell(number, { type: "posted", epoch: 0 });
    this.#tell(number, { type: "answered" });
    void this.#flush(attempt);
    try {
      await attempt.peer.answer(sdp);
    } catch {
      this.#tell(number, { type: "failed", cause: "answer-not-taken" });
    }
  }

  #queue(number: number, candidate: Candidate): void {
    const attempt = this.#current(number);
    if (!attempt) return;
    attempt.outbox.push(candidate);
    void this.#flush(attempt);
  }

  /** One request at a time, so that the end marker comes last. */
  async #flush(attempt: Attempt): Promise<void> {
    const { resource, abort } = attempt;
    if (attempt.sending || !resource) return;
    attempt.sending = true;
    while (attempt.outbox.length > 0 && !abort.signal.aborted) {
      const body = sdpFragment(attempt.sdp, attempt.outbox.splice(0));
      const headers = { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": resource.etag };
      const patch = () =>
        call(resource.url, { method: "PATCH", headers, body, signal: within(CALL_MS, abort.signal) });
      await untilReached(patch, abort.signal);
    }
    attempt.sending = false;
  }

  #current(number: number): Attempt | undefined {
    return this.#attempt?.number === number ? this.#attempt : undefined;
  }

  #close(number: number): void {
    const attempt = this.#current(number);
    if (!attempt) return;
    attempt.abort.abort();
    this.picture.hold();
    this.#drop(attempt);
    this.#attempt = undefined;
  }

  /** Ends a connection on both sides. What the server is not told, the machine finds out by ICE. */
  #drop(attempt: Attempt): void {
    attempt.peer.close();
    const { resource } = attempt;
    attempt.resource = undefined;
    if (resource) void call(resource.url, { method: "DELETE", keepalive: true });
  }

  #end(): void {
    this.#life.abort();
    this.picture.clear();
  }

  #publish(change: Partial<Pick<ViewerSnapshot, "pictured">>): void {
    this.#snapshot = { ...this.#snapshot, ...facts(this.#driver.state), ...change };
    for (const listener of this.#listeners) listener();
  }
}

function resourceOf({ headers }: Raw, base: URL): Resource | undefined {
  const path = headers.get("location");
  return path ? { url: new URL(path, base).href, etag: headers.get("etag") ?? "*" } : undefined;
}

function call(url: string, init: RequestInit): Promise<Outcome<Raw>> {
  return outcome(raw(fetch(url, init)));
}
