//! What a token opens, in words, and what a new one has to have. Pure.

import type { NewToken, Problem, Scope } from "../api/types";

/** From the least to the most. */
export const SCOPES: readonly Scope[] = ["read", "connect", "run", "manage"];

interface Words {
  readonly name: string;
  readonly opens: string;
}

export const WORDS: Record<Scope, Words> = {
  read: { name: "Read", opens: "See what is connected and what runs. All others include this." },
  connect: { name: "Connect", opens: "Sign in, and see a sign-in's desktop." },
  run: { name: "Run", opens: "Open runs, type in them and stop them." },
  manage: { name: "Manage", opens: "Forget and restore credentials; tokens, machines and hosts." },
};

/** `Connect and run`. What is not known here, a newer server may know: it stands as it is. */
export function inWords(scopes: readonly Scope[]): string {
  const names = [...scopes].sort(byReach).map((scope) => (WORDS[scope]?.name ?? scope).toLowerCase());
  const all = new Intl.ListFormat("en").format(names);
  return all.charAt(0).toUpperCase() + all.slice(1);
}

function byReach(a: Scope, b: Scope): number {
  return SCOPES.indexOf(a) - SCOPES.indexOf(b);
}

/** Whether the others include it already. */
export function isIncluded(scope: Scope, chosen: ReadonlySet<Scope>): boolean {
  return scope === "read" && [...chosen].some((other) => other !== "read");
}

/** What is sent: without what the others include. */
export function toSend(chosen: ReadonlySet<Scope>): Scope[] {
  return SCOPES.filter((scope) => chosen.has(scope) && !isIncluded(scope, chosen));
}

export const DAYS = [7, 30, 90, 365] as const;
export const USUAL_DAYS = 30;
const MAX_NAME = 64;

export type Field = keyof NewToken;

/** What is wrong with a new token, and where; nothing of a whole one. */
export interface Wrong {
  /** None: nothing of the form is to blame. */
  readonly field: Field | undefined;
  readonly detail: string;
}

/** What the server would refuse, found before it is asked. */
export function wrongWith({ name, scopes }: NewToken): Wrong | undefined {
  if (name === "") return { field: "name", detail: "Give it a name, so that you know it later." };
  if ([...name].length > MAX_NAME)
    return { field: "name", detail: `A name has at most ${MAX_NAME} characters.` };
  if (scopes.length === 0) return { field: "scopes", detail: "Choose at least one." };
  return undefined;
}

/** A refusal of the server's, at the field that it names. */
export function refusedAt({ field, detail }: Problem): Wrong {
  // A path may go deeper: `scopes[0]`.
  const known = (["name", "scopes", "days"] as const).find((name) => field?.startsWith(name));
  return { field: known, detail };
}
