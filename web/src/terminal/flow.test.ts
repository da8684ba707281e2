import { expect, it } from "vitest";
import { AT_FIRST, advanced, allowance, framed, measured, reconnected, telling } from "./flow";
import { FRAME_BYTES, PIECE_BYTES } from "./limits";

const fast = { ...AT_FIRST, speed: 1_000_000 };
const slow = { ...AT_FIRST, speed: 1 };

it("a frame gets whole pieces, at least one and at most 256 KiB", () => {
  expect(allowance(slow)).toBe(PIECE_BYTES);
  expect(allowance(fast)).toBe(256 * 1024);
  expect(allowance({ ...AT_FIRST, speed: 12_000, frameMs: 16 })).toBe(2 * PIECE_BYTES);
});

it("a computer that draws slowly parses for longer, but never for more than 24 ms a frame", () => {
  let flow = { ...AT_FIRST, speed: 10_000 };
  for (let frames = 0; frames < 40; frames += 1) flow = framed(flow, 10_000);
  expect(allowance(flow)).toBe(7 * PIECE_BYTES);
  for (let frames = 0; frames < 40; frames += 1) flow = framed(flow, 16);
  expect(allowance(flow)).toBe(2 * PIECE_BYTES);
});

it("the speed follows what was measured, and little output measures nothing", () => {
  let flow = AT_FIRST;
  for (let times = 0; times < 40; times += 1) flow = measured(flow, 10 * PIECE_BYTES, 10);
  expect(Math.round(flow.speed)).toBe(PIECE_BYTES);
  expect(measured(flow, 12, 100)).toBe(flow);
  expect(measured(flow, PIECE_BYTES, 0)).toBe(flow);
});

it("what was parsed is told once, and no frame passes 256 KiB untold", () => {
  let flow = fast;
  expect(telling(flow).tell).toBeUndefined();
  const told: number[] = [];
  for (let frames = 0; frames < 5; frames += 1) {
    flow = advanced(flow, allowance(flow));
    const said = telling(flow);
    flow = said.flow;
    told.push(said.tell ?? 0);
    expect(telling(flow).tell).toBeUndefined();
  }
  expect(told).toEqual([1, 2, 3, 4, 5].map((times) => times * FRAME_BYTES));
});

it("a new connection counts from nothing, on a computer that is as fast as before", () => {
  const flow = telling(advanced({ ...fast, frameMs: 40 }, 500)).flow;
  expect(reconnected(flow)).toEqual({ ...fast, frameMs: 40, done: 0, told: 0 });
});
