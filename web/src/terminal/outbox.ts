//! Typed bytes that wait for a connection: up to a bound, in order, whole or not at all. Pure.

import { MAX_KEPT_BYTES } from "./limits";

export interface Outbox {
  readonly waiting: readonly Uint8Array[];
  readonly bytes: number;
}

export const EMPTY: Outbox = { waiting: [], bytes: 0 };

/** Keeps bytes, or refuses all of them: half of a paste would be worse than none. */
export function kept(box: Outbox, bytes: Uint8Array): { box: Outbox; isKept: boolean } {
  const sum = box.bytes + bytes.length;
  if (sum > MAX_KEPT_BYTES) return { box, isKept: false };
  return { box: { waiting: [...box.waiting, bytes], bytes: sum }, isKept: true };
}
