import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type FromGuest,
  INPUT_CHANNEL,
  type Input,
  MAX_MESSAGE_BYTES,
  MAX_TEXT_BYTES,
  MOTION_CHANNEL,
  type Motion,
  parseFromGuest,
} from "./messages";

const RUST = readFileSync(new URL("../../../crates/protocol/src/input.rs", import.meta.url), "utf8");

/** The fields of each variant of a Rust enum, and under its own name of a struct. */
function shapes(name: string): Record<string, string[]> {
  const body = new RegExp(`pub (?:enum|struct) ${name} \\{\n([\\s\\S]*?)\n\\}`).exec(RUST)?.[1] ?? "";
  const plain = body.replace(/^\s*\/\/\/.*$/gm, "");
  const fields = (text: string) => [...text.matchAll(/(\w+): \w+,/g)].map(([, field]) => field ?? "");
  const variants = [...plain.matchAll(/^ {4}([A-Z]\w*)(?: \{([\s\S]*?)\})?,/gm)];
  if (variants.length === 0) return { [name]: fields(plain) };
  return Object.fromEntries(
    variants.map(([, variant, inner]) => [(variant ?? "").toLowerCase(), fields(inner ?? "")]),
  );
}

describe("the messages are those of the protocol crate", () => {
  it("of the page, one by one and field by field", () => {
    const samples: Input[] = [
      { t: "button", button: 0, down: true, x: 1, y: 2 },
      { t: "wheel", dx: 0, dy: 1, x: 1, y: 2 },
      { t: "key", code: "KeyA", key: "a", down: true },
      { t: "text", text: "a" },
      { t: "release" },
      { t: "ping", id: 1 },
    ];
    const ours = Object.fromEntries(samples.map(({ t, ...rest }) => [t, Object.keys(rest)]));
    expect(ours).toEqual(shapes("Input"));
    const motion: Motion = { seq: 1, x: 1, y: 2 };
    expect({ Motion: Object.keys(motion) }).toEqual(shapes("Motion"));
  });

  it("of the guest, which are all understood", () => {
    const samples: FromGuest[] = [
      { t: "desktop", width: 1280, height: 720 },
      { t: "pong", id: 7 },
    ];
    for (const sample of samples) expect(parseFromGuest(JSON.stringify(sample))).toEqual(sample);
    const ours = Object.fromEntries(samples.map(({ t, ...rest }) => [t, Object.keys(rest)]));
    expect(ours).toEqual(shapes("FromGuest"));
  });

  it("with the same labels and bounds", () => {
    const constant = (name: string) => new RegExp(`pub const ${name}: \\S+ = (.*);`).exec(RUST)?.[1];
    expect(constant("INPUT_CHANNEL")).toBe(JSON.stringify(INPUT_CHANNEL));
    expect(constant("MOTION_CHANNEL")).toBe(JSON.stringify(MOTION_CHANNEL));
    expect(constant("MAX_MESSAGE_BYTES")).toBe(`${MAX_MESSAGE_BYTES / 1024} * 1024`);
    expect(constant("MAX_TEXT_BYTES")).toBe(`${MAX_TEXT_BYTES / 1024} * 1024`);
  });
});

it("what a machine may not say is not heard", () => {
  const bad = [
    "",
    "x",
    "null",
    "[]",
    "{}",
    '{"t":"pong"}',
    '{"t":"pong","id":"1"}',
    '{"t":"desktop","width":0,"height":5}',
    '{"t":"desktop","width":70000,"height":5}',
    '{"t":"other"}',
    new ArrayBuffer(4),
    undefined,
    JSON.stringify({ t: "pong", id: 1, more: "x".repeat(MAX_MESSAGE_BYTES) }),
  ];
  for (const data of bad) expect(parseFromGuest(data)).toBeUndefined();
});
