//! Machines of all people, for the administrator: the list, what one of them wrote, stop and destroy.

import { api, CALL_MS, type Outcome, outcome, said, within } from "../api/client";
import type { MachineList, MachineLog } from "../api/types";
import { Store } from "./store";

/** The server measures for half a second of it. */
const LIST_MS = CALL_MS;

export type Machines =
  | { state: "loading" }
  | { state: "loaded"; list: MachineList; at: number }
  | { state: "failed"; detail: string };

export const machines = new Store<Machines>({ state: "loading" });

let newest = 0;

/** Fetches anew; what is shown stays until the answer is there, and when there is none. */
export async function refreshMachines(): Promise<void> {
  newest += 1;
  const call = newest;
  const got = await outcome(api.GET("/api/machines", { signal: within(LIST_MS) }));
  if (call !== newest) return;
  if (got.kind === "ok") machines.set({ state: "loaded", list: got.value, at: Date.now() });
  else if (machines.snapshot().state !== "loaded") machines.set({ state: "failed", detail: said(got) });
}

/** What a machine wrote, or why it can't be told. */
export async function logOf(id: string, signal: AbortSignal): Promise<MachineLog | string> {
  const call = api.GET("/api/machines/{id}/logs", {
    params: { path: { id } },
    signal: within(CALL_MS, signal),
  });
  const got = await outcome(call);
  return got.kind === "ok" ? got.value : said(got);
}

/** Ends what the machine does. Says what went wrong, if anything. */
export async function stopMachine(id: string): Promise<string | undefined> {
  const call = api.POST("/api/machines/{id}/stop", {
    params: { path: { id } },
    signal: within(CALL_MS),
  });
  return done(await outcome<unknown>(call));
}

/** Destroys a machine; of one that is gone, forgets what was kept. Says what went wrong, if anything. */
export async function destroyMachine(id: string): Promise<string | undefined> {
  const call = api.DELETE("/api/machines/{id}", { params: { path: { id } }, signal: within(CALL_MS) });
  return done(await outcome<unknown>(call));
}

async function done(got: Outcome<unknown>): Promise<string | undefined> {
  await refreshMachines();
  return got.kind === "ok" ? undefined : said(got);
}
