//! One run on this page: its view, kept up to date, and its terminal, whose code is loaded only for it. It stands outside
//! the components, so that no re-mount can touch a connection.

import { api, CALL_MS, outcome, within } from "../api/client";
import type { Problem, RunEvent, RunView } from "../api/types";
import { hasTerminal, heard, newer } from "../session/run";
import type { RunTerminal } from "../terminal/terminal";
import { listenForDoubts } from "../viewer/network";
import { named, providers } from "./providers";
import { route } from "./route";
import { runs, stopRun } from "./runs";
import { Store } from "./store";

/** Pause before a view or a stream that could not be had is asked for again. */
const AGAIN_MS = 1_000;

export interface RunSnapshot {
  readonly runId: string;
  readonly view: RunView | undefined;
  /** No such run, or not this person's. */
  readonly problem: Problem | undefined;
  /** The server did not answer the last time. */
  readonly unreachable: boolean;
  readonly terminal: RunTerminal | undefined;
  readonly stopping: boolean;
  readonly stopFailed: string | undefined;
}

export class Run {
  readonly state: Store<RunSnapshot>;
  readonly #id: string;
  readonly #life = new AbortController();
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #fetching: AbortController | undefined;
  #isLoading = false;
  #isOver = false;

  constructor(runId: string) {
    this.#id = runId;
    this.state = new Store<RunSnapshot>({
      runId,
      view: runs.snapshot().find((run) => run.runId === runId),
      problem: undefined,
      unreachable: false,
      terminal: undefined,
      stopping: false,
      stopFailed: undefined,
    });
    void this.#fetch();
    listenForDoubts(() => void this.#fetch(), this.#life.signal);
  }

  async stop(): Promise<void> {
    this.#set({ stopping: true, stopFailed: undefined });
    const stopFailed = await stopRun(this.#id);
    this.#set({ stopping: stopFailed === undefined, stopFailed });
  }

  /** This page has no more to do with it. The run goes on. */
  leave(): void {
    this.#life.abort();
    this.#source?.close();
    clearTimeout(this.#timer);
    this.state.snapshot().terminal?.stop();
  }

  async #fetch(): Promise<void> {
    clearTimeout(this.#timer);
    this.#fetching?.abort();
    this.#fetching = new AbortController();
    const signal = AbortSignal.any([this.#fetching.signal, this.#life.signal]);
    const call = api.GET("/api/runs/{id}", {
      params: { path: { id: this.#id } },
      signal: within(CALL_MS, signal),
    });
    const got = await outcome(call);
    if (signal.aborted) return;
    if (got.kind === "problem") return this.#set({ problem: got.problem });
    if (got.kind === "unreachable") {
      this.#set({ unreachable: true });
      return this.#again();
    }
    this.#set({ unreachable: false });
    this.#see(newer(this.state.snapshot().view, got.value));
    if (got.value.state !== "ended") this.#follow();
  }

  #follow(): void {
    this.#source?.close();
    this.#source = new EventSource(`/api/runs/${encodeURIComponent(this.#id)}/events`);
    this.#source.addEventListener("message", ({ data }) => this.#hear(JSON.parse(data) as RunEvent));
    this.#source.addEventListener("error", () => {
      if (this.#source?.readyState === EventSource.CLOSED) this.#again();
    });
  }

  #hear(event: RunEvent): void {
    const { view } = this.state.snapshot();
    if (!view) return;
    this.#see(heard(view, event));
    if (event.state !== "ended") return;
    this.#source?.close();
    // The stream tells no times.
    void this.#fetch();
  }

  #again(): void {
    this.#source?.close();
    clearTimeout(this.#timer);
    if (!this.#life.signal.aborted) this.#timer = setTimeout(() => void this.#fetch(), AGAIN_MS);
  }

  #see(view: RunView): void {
    this.#set({ view });
    if (view.state !== "ended") void this.#load(view);
  }

  /** The code is fetched while the machine starts, so that the terminal is there when there is something to show. */
  async #load(view: RunView): Promise<void> {
    if (this.#isLoading || this.state.snapshot().terminal) return;
    this.#isLoading = true;
    const made = await import("../terminal/terminal").catch(() => undefined);
    this.#isLoading = false;
    if (this.#life.signal.aborted) return;
    if (!made) return this.#again();
    const now = this.state.snapshot().view;
    if (!now || !hasTerminal(now)) return;
    const name = named(providers.snapshot(), view.provider)?.name ?? view.provider;
    const terminal = new made.RunTerminal(this.#id, name);
    terminal.state.subscribe(() => this.#terminalSays(terminal));
    this.#set({ terminal });
  }

  /** The connection may hear of the end before the stream. */
  #terminalSays(terminal: RunTerminal): void {
    if (this.#isOver || terminal.state.snapshot().link.at !== "over") return;
    this.#isOver = true;
    void this.#fetch();
  }

  #set(change: Partial<RunSnapshot>): void {
    this.state.set({ ...this.state.snapshot(), ...change });
  }
}

/** At most one: a terminal that is not seen would only cost. */
export const currentRun = new Store<Run | undefined>(undefined);

function followRoute(): void {
  const now = route.snapshot();
  const shown = currentRun.snapshot();
  if (now.at === "run" && shown?.state.snapshot().runId === now.id) return;
  shown?.leave();
  currentRun.set(now.at === "run" ? new Run(now.id) : undefined);
}

route.subscribe(followRoute);
followRoute();
