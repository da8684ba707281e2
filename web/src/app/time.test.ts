import { expect, it } from "vitest";
import { ago } from "./time";

it("times past are told in the largest unit that fits", () => {
  const table = [
    [0, "just now"],
    [59_000, "just now"],
    [60_000, "1 minute ago"],
    [3_600_000, "1 hour ago"],
    [86_400_000, "yesterday"],
    [3 * 86_400_000, "3 days ago"],
    [8 * 86_400_000, "last week"],
    [70 * 86_400_000, "2 months ago"],
  ] as const;
  for (const [ms, text] of table) expect(ago(1_000_000_000_000 - ms, 1_000_000_000_000)).toBe(text);
});

it("a server's clock that is ahead makes no future", () => {
  expect(ago(2000, 1000)).toBe("just now");
});
