//! What was kept of a credential: the list of its versions, and the restoring of one.

import { api, CALL_MS, outcome, said, within } from "../api/client";
import type { CredentialVersion, Holder } from "../api/types";
import { refresh } from "./providers";

const ORIGINS: Record<CredentialVersion["origin"], string> = {
  "sign-in": "Saved by a sign-in",
  run: "Changed by a run",
  restore: "Restored",
};

/** Where a version came from, in words; a newer server may know of more ways. */
export function originOf({ origin }: CredentialVersion): string {
  return ORIGINS[origin] ?? "Saved";
}

/** The versions, newest first, or why they can't be told. */
export async function versionsOf(
  id: string,
  signal: AbortSignal,
): Promise<readonly CredentialVersion[] | string> {
  const call = api.GET("/api/credentials/{id}/versions", {
    params: { path: { id } },
    signal: within(CALL_MS, signal),
  });
  const got = await outcome(call);
  return got.kind === "ok" ? got.value.versions : said(got);
}

/** What became of a click on *Restore*. */
export type Restored =
  | { kind: "restored"; version: number }
  /** A run has the credential, and would write over it. Nothing was restored. */
  | { kind: "in-use"; holder: Holder }
  | { kind: "failed"; detail: string };

/** Has runs use an older version from now on, as a new one. */
export async function restoreVersion(id: string, version: number): Promise<Restored> {
  const call = api.POST("/api/credentials/{id}/restore", {
    params: { path: { id } },
    body: { version },
    signal: within(CALL_MS),
  });
  const got = await outcome(call);
  void refresh();
  if (got.kind === "ok") return { kind: "restored", version: got.value.version };
  const holder = got.kind === "problem" ? got.problem.holder : undefined;
  return holder ? { kind: "in-use", holder } : { kind: "failed", detail: said(got) };
}
