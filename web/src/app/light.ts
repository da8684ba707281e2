//! The calls of a sign-in without a desktop: the click, and what the person brings back. No connection, no relay.

import { api, CALL_MS, outcome, within } from "../api/client";
import { idempotencyKey } from "../api/key";
import type { Method, Problem } from "../api/types";

export type LightMethod = Exclude<Method, "desktop">;

/** Pause before a click that did not reach the controller is sent again, as the same click. */
const AGAIN_MS = 1_000;

interface Started {
  onSession: (sessionId: string) => void;
  onRefused: (problem: Problem) => void;
  onUnreachable: () => void;
}

/** Sends the click until the controller has heard it, or `signal`. */
export async function begin(
  provider: string,
  method: LightMethod,
  told: Started,
  signal: AbortSignal,
): Promise<void> {
  const key = idempotencyKey();
  while (!signal.aborted) {
    const got = await outcome(
      api.POST("/api/vm/auth", {
        params: { header: { "Idempotency-Key": key } },
        body: { provider, method },
        signal: within(CALL_MS, signal),
      }),
    );
    if (signal.aborted) return;
    if (got.kind === "ok") return told.onSession(got.value.sessionId);
    if (got.kind === "problem") return told.onRefused(got.problem);
    told.onUnreachable();
    await pause(signal);
  }
}

/** Brings a text back to the CLI. Says why it was not taken, if so; the text stands in no message and in no address. */
export async function paste(sessionId: string, text: string): Promise<string | undefined> {
  const got = await outcome<unknown>(
    api.POST("/api/session/{id}/paste", {
      params: { path: { id: sessionId } },
      body: { text },
      signal: within(CALL_MS),
    }),
  );
  if (got.kind === "ok") return undefined;
  return got.kind === "problem" ? got.problem.detail : "The server can't be reached. Send it again.";
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      done();
    };
    const timer = setTimeout(end, AGAIN_MS);
    signal.addEventListener("abort", end, { once: true });
  });
}
