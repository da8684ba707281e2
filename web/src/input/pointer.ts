//! Decides which buttons changed. Pointer events report a second button as a move, so the mask is what counts.

/** Bits of `buttons` and the `button` numbers that they stand for (UI Events, 5.3.1). */
const BITS = [
  [1, 0],
  [4, 1],
  [2, 2],
  [8, 3],
  [16, 4],
] as const;

export interface ButtonChange {
  button: number;
  down: boolean;
}

/** What changed between two masks: releases first, so that no more is held than ever was. */
export function buttonChanges(before: number, after: number): ButtonChange[] {
  const changed = BITS.filter(([bit]) => (before & bit) !== (after & bit));
  const changes = changed.map(([bit, button]) => ({ button, down: (after & bit) !== 0 }));
  return changes.sort((a, b) => Number(a.down) - Number(b.down));
}
