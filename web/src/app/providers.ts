//! What can be connected and what is. Fetched when the dashboard is shown or comes back to the front.

import { api, CALL_MS, outcome, within } from "../api/client";
import type { Me, Provider } from "../api/types";
import { Store } from "./store";

export type Providers =
  | { state: "loading" }
  | { state: "loaded"; providers: readonly Provider[]; me: Me | undefined }
  | { state: "failed"; detail: string };

export const providers = new Store<Providers>({ state: "loading" });

let newest = 0;

/** Fetches anew; what is shown stays until the answer is there. */
export async function refresh(): Promise<void> {
  newest += 1;
  const call = newest;
  const [list, me] = await Promise.all([
    outcome(api.GET("/api/providers", { signal: within(CALL_MS) })),
    outcome(api.GET("/api/me", { signal: within(CALL_MS) })),
  ]);
  if (call !== newest) return;
  if (list.kind === "ok") {
    providers.set({
      state: "loaded",
      providers: list.value.providers,
      me: me.kind === "ok" ? me.value : undefined,
    });
  } else if (providers.snapshot().state !== "loaded") {
    const detail = list.kind === "problem" ? list.problem.detail : "The server can't be reached.";
    providers.set({ state: "failed", detail });
  }
}

/** Removes a credential. Says what went wrong, if anything. */
export async function remove(id: string): Promise<string | undefined> {
  const call = api.DELETE("/api/credentials/{id}", { params: { path: { id } }, signal: within(CALL_MS) });
  const got = await outcome<unknown>(call);
  await refresh();
  if (got.kind === "ok") return undefined;
  return got.kind === "problem" ? got.problem.detail : "The server can't be reached. Nothing was removed.";
}

/** A provider by its id, once known. */
export function named(list: Providers, id: string | undefined): Provider | undefined {
  return list.state === "loaded" ? list.providers.find((provider) => provider.id === id) : undefined;
}
