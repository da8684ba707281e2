import { expect, it } from "vitest";
import { bytesOf, isMotion, withCtrl } from "./keys";

it("arrow keys follow the mode of the program", () => {
  expect(bytesOf("up", false)).toBe("\x1b[A");
  expect(bytesOf("left", true)).toBe("\x1bOD");
  expect(bytesOf("escape", true)).toBe("\x1b");
  expect(bytesOf("tab", false)).toBe("\t");
});

it("Ctrl makes a control character of what has one", () => {
  const table = [
    ["c", "\x03"],
    ["C", "\x03"],
    ["[", "\x1b"],
    ["@", "\0"],
    [" ", "\0"],
    ["?", "\x7f"],
    ["1", "1"],
    ["ä", "ä"],
    ["paste", "paste"],
  ] as const;
  for (const [typed, sent] of table) expect(withCtrl(typed)).toBe(sent);
});

it("a mouse that only moves is told apart from one that is pressed", () => {
  expect(isMotion("\x1b[<35;10;5M")).toBe(true);
  expect(isMotion("\x1b[<51;10;5M")).toBe(true);
  for (const data of ["\x1b[<0;10;5M", "\x1b[<32;10;5M", "\x1b[<64;1;1M", "\x1b[A", "35"])
    expect(isMotion(data), data).toBe(false);
});
