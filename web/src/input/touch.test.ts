import { expect, it } from "vitest";
import { LONG_TAP_MS, type Touch, touchDown, touchMove, touchUp } from "./touch";

const finger = (x: number, y: number, time = 0, id = 1) => ({ id, x, y, time });
const down = (): Touch => touchDown({ at: "up" }, finger(100, 100));

it("a tap clicks, a long one clicks right", () => {
  expect(touchUp(down(), finger(103, 98, 100)).gesture).toEqual({ do: "click", button: 0 });
  expect(touchUp(down(), finger(100, 100, LONG_TAP_MS)).gesture).toEqual({ do: "click", button: 2 });
});

it("a drag scrolls by all of its way and does not click", () => {
  const first = touchMove(down(), finger(100, 70));
  expect(first.gesture).toEqual({ do: "scroll", dx: 0, dy: 30 });
  const second = touchMove(first.touch, finger(100, 65));
  expect(second.gesture).toEqual({ do: "scroll", dx: 0, dy: 5 });
  expect(touchUp(second.touch, finger(100, 65)).gesture).toEqual({ do: "nothing" });
});

it("a trembling finger is still", () => {
  expect(touchMove(down(), finger(105, 105)).gesture).toEqual({ do: "nothing" });
});

it("a second finger changes nothing", () => {
  const one = down();
  expect(touchDown(one, finger(5, 5, 0, 2))).toBe(one);
  expect(touchMove(one, finger(500, 500, 0, 2)).gesture).toEqual({ do: "nothing" });
  expect(touchUp(one, finger(500, 500, 0, 2)).touch).toBe(one);
});
