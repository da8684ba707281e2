//! The person's tokens: the list, a new one, and revoking. A token's value is handed to whoever asked for it and kept nowhere.

import { api, CALL_MS, outcome, said, within } from "../api/client";
import type { NewToken, TokenMade, TokenView } from "../api/types";
import { refusedAt, type Wrong, wrongWith } from "./scopes";
import { Store } from "./store";

export type Tokens =
  | { state: "loading" }
  | { state: "loaded"; tokens: readonly TokenView[] }
  | { state: "failed"; detail: string };

export const tokens = new Store<Tokens>({ state: "loading" });

/** The call has no name by which it could be made again. */
const UNHEARD =
  "The server did not answer. The token may have been made all the same: if the list has it, revoke it.";

let newest = 0;

/** Fetches anew; what is shown stays until the answer is there, and when there is none. */
export async function refreshTokens(): Promise<void> {
  newest += 1;
  const call = newest;
  const got = await outcome(api.GET("/api/tokens", { signal: within(CALL_MS) }));
  if (call !== newest) return;
  if (got.kind === "ok") tokens.set({ state: "loaded", tokens: got.value.tokens });
  else if (tokens.snapshot().state !== "loaded") tokens.set({ state: "failed", detail: said(got) });
}

export type Made = { kind: "made"; made: TokenMade } | { kind: "refused"; wrong: Wrong };

/** Makes a token. The answer has its value, this once. */
export async function makeToken(wanted: NewToken): Promise<Made> {
  const wrong = wrongWith(wanted);
  if (wrong) return { kind: "refused", wrong };
  const got = await outcome(api.POST("/api/tokens", { body: wanted, signal: within(CALL_MS) }));
  void refreshTokens();
  if (got.kind === "ok") return { kind: "made", made: got.value };
  if (got.kind === "problem") return { kind: "refused", wrong: refusedAt(got.problem) };
  return { kind: "refused", wrong: { field: undefined, detail: UNHEARD } };
}

/** Revokes a token. Says what went wrong, if anything. One that is gone already is as good as revoked. */
export async function revokeToken(id: string): Promise<string | undefined> {
  const call = api.DELETE("/api/tokens/{id}", { params: { path: { id } }, signal: within(CALL_MS) });
  const got = await outcome<unknown>(call);
  await refreshTokens();
  if (got.kind === "ok" || (got.kind === "problem" && got.problem.status === 404)) return undefined;
  return said(got);
}
