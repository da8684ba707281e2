import { expect, it } from "vitest";
import { acknowledged, read, resize, typed } from "./frames";
import { MAX_TYPED_BYTES } from "./limits";

const message = (tag: number, rest: string | Uint8Array): ArrayBuffer => {
  const bytes = typeof rest === "string" ? new TextEncoder().encode(rest) : rest;
  return Uint8Array.of(tag, ...bytes).buffer;
};
const words = (value: unknown) => read(message(1, JSON.stringify(value)));

it("output is what stands after the first byte, also when that is nothing", () => {
  expect(read(message(0, "hi"))).toEqual({ kind: "output", bytes: new TextEncoder().encode("hi") });
  expect(read(message(0, ""))).toEqual({ kind: "output", bytes: new Uint8Array() });
});

it("screen, size and end are read with their numbers", () => {
  expect(words({ kind: "screen", columns: 80, rows: 24 })).toEqual({ kind: "screen", columns: 80, rows: 24 });
  expect(words({ kind: "size", columns: 1000, rows: 1 })).toEqual({ kind: "size", columns: 1000, rows: 1 });
  expect(words({ kind: "ended", exitCode: -9 })).toEqual({ kind: "ended", exitCode: -9 });
});

it("what is malformed is refused, not guessed", () => {
  for (const value of [
    null,
    7,
    [],
    {},
    { kind: "screen" },
    { kind: "screen", columns: 80 },
    { kind: "screen", columns: "80", rows: 24 },
    { kind: "screen", columns: 80.5, rows: 24 },
    { kind: "size", columns: 0, rows: 24 },
    { kind: "size", columns: 1001, rows: 24 },
    { kind: "size", columns: 80, rows: 24, exitCode: 0 },
    { kind: "size", columns: 80, rows: 24, more: 1 },
    { kind: "ended" },
    { kind: "ended", exitCode: "0" },
    { kind: "ended", exitCode: 0, columns: 80 },
    { kind: "resize", columns: 80, rows: 24 },
  ])
    expect(words(value), JSON.stringify(value)).toBeUndefined();
  for (const other of [
    "text",
    new ArrayBuffer(0),
    message(1, "{"),
    message(1, Uint8Array.of(0x22, 0xff, 0x22)),
    message(2, "x"),
    message(9, "x"),
  ])
    expect(read(other)).toBeUndefined();
});

it("typed bytes go out in order, in messages of a bounded size", () => {
  const bytes = Uint8Array.from({ length: MAX_TYPED_BYTES + 3 }, (_, at) => at % 251);
  const messages = typed(bytes);
  expect(messages.map(({ length }) => length)).toEqual([MAX_TYPED_BYTES + 1, 4]);
  expect(messages.map(([tag]) => tag)).toEqual([0, 0]);
  expect(messages.flatMap((each) => [...each.subarray(1)])).toEqual([...bytes]);
  expect(typed(new Uint8Array())).toEqual([]);
});

it("a resize is words, and an acknowledgement a big-endian number of 64 bits", () => {
  const sent = resize({ columns: 120, rows: 30 });
  expect(sent[0]).toBe(1);
  expect(JSON.parse(new TextDecoder().decode(sent.subarray(1)))).toEqual({
    kind: "resize",
    columns: 120,
    rows: 30,
  });
  expect([...acknowledged(0x01_02_03_04_05)]).toEqual([2, 0, 0, 0, 1, 2, 3, 4, 5]);
});
