//! The typed client: openapi-fetch over the generated schema, with each outcome as a value. A refused call is no
//! exception, because every caller has to decide what it means. Never retries and never logs.

import createClient from "openapi-fetch";
import type { paths } from "./schema";
import type { Problem } from "./types";

/** How long a call may take when it does not wait on purpose. */
export const CALL_MS = 10_000;
/** What a long poll may take beyond the seconds that it asked for. */
export const POLL_SLACK_MS = 10_000;

/** What became of a call. */
export type Outcome<T> =
  | { kind: "ok"; value: T; status: number }
  /** The controller refused it and says why. */
  | { kind: "problem"; problem: Problem; retryAfterMs?: number }
  /** No answer of the controller, or that it can't now: no network, a restart, a busy database, or too late. The same
   * call may be made again. */
  | { kind: "unreachable"; detail: string };

export const api = createClient<paths>({ baseUrl: globalThis.location?.origin ?? "" });

const signedOut = new Set<() => void>();

/** Calls back when the controller says that this browser has no access (any more). */
export function onSignedOut(listener: () => void): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

/** A signal that ends a call after `ms`, or earlier with `parent`. */
export function within(ms: number, parent?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(ms);
  return parent ? AbortSignal.any([parent, timeout]) : timeout;
}

/** Why a call came to nothing, for people. */
export function said(got: Exclude<Outcome<unknown>, { kind: "ok" }>): string {
  return got.kind === "problem" ? got.problem.detail : "The server can't be reached.";
}

interface FetchResult<T> {
  data?: T | undefined;
  error?: unknown;
  response: Response;
}

/** Turns a call's result into an outcome. */
export async function outcome<T>(call: Promise<FetchResult<T>>): Promise<Outcome<T>> {
  try {
    const { data, error, response } = await call;
    if (response.ok) return { kind: "ok", value: data as T, status: response.status };
    if (response.status === 401) for (const listener of signedOut) listener();
    if (isProblem(error)) {
      if (isPassing(error)) return { kind: "unreachable", detail: error.detail };
      return { kind: "problem", problem: error, ...retryAfter(response) };
    }
    return { kind: "unreachable", detail: `${new URL(response.url).pathname} gave status ${response.status}` };
  } catch (error) {
    return { kind: "unreachable", detail: error instanceof Error ? error.message : String(error) };
  }
}

/** What a call that is no JSON was answered with. */
export interface Raw {
  text: string;
  headers: Headers;
}

/** A plain call's result, for `outcome`. */
export async function raw(call: Promise<Response>): Promise<FetchResult<Raw>> {
  const response = await call;
  const text = await response.text();
  if (response.ok) return { data: { text, headers: response.headers }, response };
  return { error: parsed(text), response };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Seconds only: this controller sends no dates. */
function retryAfter({ headers }: Response): { retryAfterMs?: number } {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {};
}

/** Whether the same call may do in a moment. A full house is not a matter of moments: a person decides. */
function isPassing({ status, type }: Problem): boolean {
  return status >= 500 && type !== "/problems/no-capacity";
}

function isProblem(value: unknown): value is Problem {
  if (typeof value !== "object" || value === null) return false;
  const { type, title, status, detail } = value as Record<string, unknown>;
  return (
    typeof type === "string" &&
    typeof title === "string" &&
    typeof status === "number" &&
    typeof detail === "string"
  );
}
