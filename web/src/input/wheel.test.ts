import { expect, it } from "vitest";
import { still, turn, type Wheel, type WheelSample } from "./wheel";

function scroll(samples: Partial<WheelSample>[]): { dx: number; dy: number } {
  let wheel: Wheel = still;
  const sum = { dx: 0, dy: 0 };
  samples.forEach((sample, index) => {
    const next = turn(wheel, { deltaX: 0, deltaY: 0, deltaMode: 0, at: index * 16, ...sample });
    wheel = next.wheel;
    sum.dx += next.dx;
    sum.dy += next.dy;
  });
  return sum;
}

it("one notch of a mouse is one notch at once, whatever pixels the browser makes of it", () => {
  for (const deltaY of [53, 80, 100, 120])
    expect(scroll([{ deltaY, wheelDeltaY: -120 }]).dy, `${deltaY}`).toBe(1);
  expect(scroll([{ deltaY: -300, wheelDeltaY: 120 }]).dy).toBe(-3);
  expect(scroll([{ deltaY: -3, deltaMode: 1 }]).dy).toBe(-1);
  expect(scroll([{ deltaY: 1, deltaMode: 2 }]).dy).toBe(1);
});

it("pixels of a touchpad are gathered without losing any", () => {
  const samples = Array.from({ length: 50 }, () => ({ deltaY: 10, wheelDeltaY: -30 }));
  expect(scroll(samples).dy).toBe(5);
  expect(scroll(samples.map(() => ({ deltaX: -10, wheelDeltaX: 30 }))).dx).toBe(-5);
});

it("a touchpad's step of 40 pixels is not taken for a mouse's notch", () => {
  expect(scroll([{ deltaY: 40, wheelDeltaY: -120 }]).dy).toBe(0);
});

it("a turn back and a new gesture begin at nothing", () => {
  expect(scroll([{ deltaY: 90 }, { deltaY: -30 }, { deltaY: 90 }]).dy).toBe(0);
  expect(scroll([{ deltaY: 90 }, { deltaY: 90, at: 1000 }]).dy).toBe(0);
});

it("a wild delta stays within what the wire can carry", () => {
  expect(scroll([{ deltaY: 1e6 }]).dy).toBe(10);
  expect(scroll([{ deltaY: -1e6 }]).dy).toBe(-10);
});
