//! The person's runs: the list, and what begins and stops one. What is shown of a single run is in `run.ts`.

import { api, CALL_MS, outcome, said, within } from "../api/client";
import type { Holder, RunView } from "../api/types";
import { refresh } from "./providers";
import { Store } from "./store";
import { shade } from "./theme";

/** A run takes its machine and its place at once; the answer waits for neither. */
const START_MS = CALL_MS;
/** The other run is stopped and its changes are saved first, for which the server takes 20 s at most. */
export const TAKE_OVER_MS = 20_000 + CALL_MS;
const IN_USE = "/problems/credential-in-use";
const UNHEARD = "The server did not answer. The other run may have been stopped: the list of runs says so.";
/** A cell of usual text in CSS pixels, and what the page has around it: until the terminal is there and tells its size. */
const CELL = { width: 8.4, height: 19 };
const AROUND = { width: 40, height: 72 };

export const runs = new Store<readonly RunView[]>([]);

let newest = 0;

/** Fetches anew; what is shown stays until the answer is there, and when there is none. */
export async function refreshRuns(): Promise<void> {
  newest += 1;
  const call = newest;
  const got = await outcome(api.GET("/api/runs", { signal: within(CALL_MS) }));
  if (call === newest && got.kind === "ok") runs.set(got.value.runs);
}

/** What became of a click on *Open*. */
export type Opened =
  | { kind: "opened"; runId: string }
  /** Its credential rotates, and another run holds it. Nothing was begun. */
  | { kind: "in-use"; detail: string; holder: Holder | undefined }
  | { kind: "failed"; detail: string };

export interface Opening {
  provider: string;
  arguments: readonly string[];
  /** Stops the run that holds the credential. */
  takeOver: boolean;
}

/** Begins a run. */
export async function openRun(opening: Opening): Promise<Opened> {
  const { provider, takeOver } = opening;
  const call = api.POST("/api/runs", {
    body: { provider, arguments: [...opening.arguments], takeOver, background: shade(), ...sizeOfWindow() },
    signal: within(takeOver ? TAKE_OVER_MS : START_MS),
  });
  const got = await outcome(call);
  if (got.kind === "ok") list(got.value);
  // Another run has ended, or the call was heard although its answer was not.
  if (takeOver || got.kind === "unreachable") refreshAll();
  if (got.kind === "ok") return { kind: "opened", runId: got.value.runId };
  if (got.kind === "unreachable" && takeOver) return { kind: "failed", detail: UNHEARD };
  if (got.kind === "unreachable" || got.problem.type !== IN_USE) return { kind: "failed", detail: said(got) };
  return { kind: "in-use", detail: got.problem.detail, holder: got.problem.holder ?? undefined };
}

function list(run: RunView): void {
  // An answer to an earlier question lacks it.
  newest += 1;
  runs.set([run, ...runs.snapshot().filter(({ runId }) => runId !== run.runId)]);
}

/** The runs, and the cards, which say who holds what. */
export function refreshAll(): void {
  void refresh();
  void refreshRuns();
}

/** Stops a run. Says what went wrong, if anything. One that has ended meanwhile is as good as stopped. */
export async function stopRun(id: string): Promise<string | undefined> {
  const call = api.DELETE("/api/runs/{id}", { params: { path: { id } }, signal: within(CALL_MS) });
  const got = await outcome<unknown>(call);
  refreshAll();
  if (got.kind === "ok" || (got.kind === "problem" && got.problem.status === 410)) return undefined;
  return said(got);
}

/** Has a connection's tool find out whether it works; its card tells what it found. Says what went wrong, if anything. */
export async function checkCredential(id: string): Promise<string | undefined> {
  const call = api.POST("/api/credentials/{id}/check", {
    params: { path: { id } },
    signal: within(START_MS),
  });
  const got = await outcome(call);
  if (got.kind === "ok") list(got.value);
  refreshAll();
  return got.kind === "ok" ? undefined : said(got);
}

/** About what the terminal will have; its own size follows with its connection. */
function sizeOfWindow(): { columns: number; rows: number } {
  const within = (least: number, value: number) => Math.min(500, Math.max(least, Math.floor(value)));
  return {
    columns: within(20, (innerWidth - AROUND.width) / CELL.width),
    rows: within(5, (innerHeight - AROUND.height) / CELL.height),
  };
}
