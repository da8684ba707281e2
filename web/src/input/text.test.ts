import { expect, it } from "vitest";
import { MAX_MESSAGE_BYTES, MAX_TEXT_BYTES } from "../viewer/messages";
import { MAX_PASTE_BYTES, pieces } from "./text";

const bytes = (text: string) => new TextEncoder().encode(text).length;

it("a short text is one piece, in any script", () => {
  expect(pieces("p4sswörd 密码 🔑")).toEqual(["p4sswörd 密码 🔑"]);
  expect(pieces("")).toEqual([]);
});

it("line ends become one line feed, and control characters go", () => {
  expect(pieces("a\r\nb\rc\td\u0007\u001b[0m\u0085")).toEqual(["a\nb\nc\td[0m"]);
});

it("a long text is cut within the wire's bounds and is whole when joined", () => {
  for (const unit of ["a", "ß", "密", "🔑", '"', "\\", "\n", "a\n"]) {
    const text = unit.repeat(Math.floor(MAX_PASTE_BYTES / bytes(unit)));
    const cut = pieces(text);
    if (cut === "too-long") throw new Error("within the bound");
    expect(cut.join("")).toBe(text);
    expect(cut.length).toBeGreaterThan(1);
    for (const piece of cut) {
      expect(bytes(piece)).toBeLessThanOrEqual(MAX_TEXT_BYTES);
      expect(bytes(JSON.stringify({ t: "text", text: piece }))).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
    }
  }
});

it("a text beyond the bound is refused whole", () => {
  expect(pieces("a".repeat(MAX_PASTE_BYTES + 1))).toBe("too-long");
});
