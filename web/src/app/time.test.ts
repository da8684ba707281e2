import { expect, it } from "vitest";
import { ago, clock, lasted, until } from "./time";

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

it("times to come are told in the largest unit of which there are two, rounded", () => {
  const table = [
    [1, "in 1 minute"],
    [119 * 60_000, "in 2 hours"],
    [80 * 60_000, "in 80 minutes"],
    [35 * 3_600_000, "in 35 hours"],
    [36 * 3_600_000, "in 2 days"],
    [30 * 86_400_000 - 5_000, "in 30 days"],
    [365 * 86_400_000, "in 365 days"],
  ] as const;
  for (const [ms, text] of table) expect(until(1_000_000_000_000 + ms, 1_000_000_000_000)).toBe(text);
});

it("what is over is not to come", () => {
  expect(until(1000, 1000)).toBeUndefined();
  expect(until(999, 1000)).toBeUndefined();
});

it("how long something is there is told in the largest unit of which there are two", () => {
  const told = [-5, 0, 119_999, 120_000, 7_199_999, 7_200_000, 172_799_999, 172_800_000].map(lasted);
  expect(told).toEqual(["0 s", "0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"]);
});

it("a time of another day is told with its date", () => {
  const noon = new Date(2026, 10, 23, 12, 3).getTime();
  const today = clock(noon, noon + 60_000);
  expect(today).toContain("03");
  expect(today).not.toContain("23");
  expect(clock(noon, new Date(2026, 10, 24, 0, 1).getTime())).toContain("23");
});
