//! Keeps a session's view up to date: fetched once, then followed by its event stream. The browser resumes a broken
//! stream by itself with Last-Event-ID; when it gives up, the feed fetches and follows anew. Ends with the session's
//! machine, or with `stop`.

import { api, CALL_MS, outcome, within } from "../api/client";
import type { HostsView, Problem, QueuePlace, SessionEvent, SessionState, SessionView } from "../api/types";
import { DOUBTS } from "../viewer/doubt";
import { listenForDoubts } from "../viewer/network";
import { apply, type Folded, fold, isEnded, isOver, placed, withDeadline } from "./view";

/** Pause before a stream that the browser gave up is asked for again. */
const REOPEN_MS = 1_000;
/** The same when the session has ended: only its machine's end is still to come. */
const REOPEN_ENDED_MS = 5_000;
/** How long an ended session is followed for its machine's end; destroying one takes seconds. */
const AFTERMATH_MS = 120_000;

export interface FeedSnapshot {
  readonly view: SessionView | undefined;
  /** Why there is none: no such session, or not this person's. */
  readonly problem: Problem | undefined;
  /** The view could not be fetched the last time; it is asked for again. */
  readonly unreachable: boolean;
  /** What its machine reaches, where machines are restricted. */
  readonly hosts: HostsView | undefined;
}

export class Feed {
  readonly #id: string;
  readonly #life = new AbortController();
  readonly #listeners = new Set<() => void>();
  #folded: Folded | undefined;
  #source: EventSource | undefined;
  #fetching: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #aftermath: ReturnType<typeof setTimeout> | undefined;
  #hosts: HostsView | undefined;
  /** The state whose deadline was asked for. */
  #deadlineOf: SessionState | undefined;
  #snapshot: FeedSnapshot = {
    view: undefined,
    problem: undefined,
    unreachable: false,
    hosts: undefined,
  };

  constructor(id: string) {
    this.#id = id;
  }

  start(): void {
    void this.#fetch();
    // A stream that was open while the network was away hangs, and the browser does not know.
    listenForDoubts((doubt) => {
      if (DOUBTS[doubt].wasAway) this.#anew();
    }, this.#life.signal);
  }

  stop(): void {
    this.#life.abort();
    this.#source?.close();
    clearTimeout(this.#timer);
    clearTimeout(this.#aftermath);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): FeedSnapshot => this.#snapshot;

  #anew(): void {
    this.#source?.close();
    clearTimeout(this.#timer);
    void this.#fetch();
  }

  async #fetch(): Promise<void> {
    this.#fetching?.abort();
    this.#fetching = new AbortController();
    const signal = AbortSignal.any([this.#fetching.signal, this.#life.signal]);
    const got = await outcome(
      api.GET("/api/session/{id}", { params: { path: { id: this.#id } }, signal: within(CALL_MS, signal) }),
    );
    if (signal.aborted) return;
    const { view } = this.#snapshot;
    if (got.kind === "problem") return this.#publish({ view, problem: got.problem, unreachable: false });
    if (got.kind === "unreachable") {
      this.#publish({ view, problem: undefined, unreachable: true });
      return this.#again();
    }
    const folded = fold(got.value);
    this.#fold(folded);
    if (!isOver(folded)) this.#follow();
  }

  #follow(): void {
    this.#source = new EventSource(`/api/session/${encodeURIComponent(this.#id)}/events`);
    this.#source.addEventListener("message", (message) => this.#hear(message));
    this.#source.addEventListener("place", (message) => this.#hearPlace(message));
    this.#source.addEventListener("hosts", (message) => this.#hearHosts(message));
    this.#source.addEventListener("error", () => {
      if (this.#source?.readyState === EventSource.CLOSED) this.#again();
    });
  }

  #hear(message: MessageEvent<string>): void {
    if (!this.#folded) return;
    this.#fold(apply(this.#folded, JSON.parse(message.data) as SessionEvent));
    if (isOver(this.#folded)) this.#source?.close();
    if (isDeadlineShown(this.#folded.view)) void this.#fetchDeadline();
  }

  /** The stream tells states, and none of their deadlines. Once for a state: until the answer there is none to show. */
  async #fetchDeadline(): Promise<void> {
    const { state } = this.#folded?.view ?? {};
    if (this.#deadlineOf === state) return;
    this.#deadlineOf = state;
    const { signal } = this.#life;
    const got = await outcome(
      api.GET("/api/session/{id}", { params: { path: { id: this.#id } }, signal: within(CALL_MS, signal) }),
    );
    if (signal.aborted || got.kind !== "ok" || !this.#folded) return;
    this.#fold(withDeadline(this.#folded, got.value));
  }

  #hearPlace({ data }: MessageEvent<string>): void {
    if (this.#folded) this.#fold(placed(this.#folded, (JSON.parse(data) as QueuePlace).ahead));
  }

  #hearHosts({ data }: MessageEvent<string>): void {
    this.#hosts = JSON.parse(data) as HostsView;
    if (this.#folded) this.#fold(this.#folded);
  }

  #again(): void {
    this.#source?.close();
    if (this.#life.signal.aborted) return;
    clearTimeout(this.#timer);
    const ended = this.#folded !== undefined && isEnded(this.#folded.view.state);
    this.#timer = setTimeout(() => void this.#fetch(), ended ? REOPEN_ENDED_MS : REOPEN_MS);
  }

  #fold(folded: Folded): void {
    this.#folded = folded;
    if (isEnded(folded.view.state)) this.#aftermath ??= setTimeout(() => this.stop(), AFTERMATH_MS);
    this.#publish({ view: folded.view, problem: undefined, unreachable: false });
  }

  #publish(snapshot: Omit<FeedSnapshot, "hosts">): void {
    this.#snapshot = { ...snapshot, hosts: this.#hosts };
    for (const listener of this.#listeners) listener();
  }
}

/** Without a desktop the person is told how long a code or a link is still good for something. */
function isDeadlineShown({ method, state, deadlineAt }: SessionView): boolean {
  return method !== "desktop" && state === "signing-in" && deadlineAt == null;
}
