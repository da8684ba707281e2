import { expect, it } from "vitest";
import { moveFor } from "./menu";

it("arrows go round, and Home and End go to the ends", () => {
  expect(moveFor("ArrowDown", 0, 3)).toEqual({ to: 1 });
  expect(moveFor("ArrowDown", 2, 3)).toEqual({ to: 0 });
  expect(moveFor("ArrowUp", 2, 3)).toEqual({ to: 1 });
  expect(moveFor("ArrowUp", 0, 3)).toEqual({ to: 2 });
  expect(moveFor("Home", 2, 3)).toEqual({ to: 0 });
  expect(moveFor("End", 0, 3)).toEqual({ to: 2 });
});

it("from no item at all the arrows begin at the ends", () => {
  expect(moveFor("ArrowDown", -1, 3)).toEqual({ to: 0 });
  expect(moveFor("ArrowUp", -1, 3)).toEqual({ to: 2 });
});

it("Escape closes, Tab closes and goes on, and other keys do nothing of the menu's", () => {
  expect(moveFor("Escape", 1, 3)).toBe("close");
  expect(moveFor("Tab", 1, 3)).toBe("leave");
  expect(moveFor("Enter", 1, 3)).toBeUndefined();
});
