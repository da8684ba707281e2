import { expect, it } from "vitest";
import { MAX_KEPT_BYTES } from "./limits";
import { EMPTY, kept } from "./outbox";

it("typed bytes are kept in order up to 64 KiB, whole or not at all", () => {
  const half = new Uint8Array(MAX_KEPT_BYTES / 2).fill(1);
  const once = kept(EMPTY, half);
  const twice = kept(once.box, half);
  expect([once.isKept, twice.isKept, twice.box.bytes]).toEqual([true, true, 64 * 1024]);
  const more = kept(twice.box, Uint8Array.of(2));
  expect(more).toEqual({ box: twice.box, isKept: false });
  const small = kept(once.box, Uint8Array.of(2));
  expect(small.box.waiting).toEqual([half, Uint8Array.of(2)]);
  expect(kept(EMPTY, new Uint8Array(MAX_KEPT_BYTES + 1)).isKept).toBe(false);
});
