import { expect, it } from "vitest";
import { buttonChanges } from "./pointer";

it("each bit is its button's number", () => {
  const table = [
    [1, 0],
    [2, 2],
    [4, 1],
    [8, 3],
    [16, 4],
  ] as const;
  for (const [mask, button] of table) {
    expect(buttonChanges(0, mask)).toEqual([{ button, down: true }]);
    expect(buttonChanges(mask, 0)).toEqual([{ button, down: false }]);
  }
});

it("a second button while the first is held is seen, and nothing is made up", () => {
  expect(buttonChanges(1, 3)).toEqual([{ button: 2, down: true }]);
  expect(buttonChanges(3, 3)).toEqual([]);
  expect(buttonChanges(1, 2)).toEqual([
    { button: 0, down: false },
    { button: 2, down: true },
  ]);
});
