import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { FromServer } from "./frames";
import { FRAME_BYTES, MAX_WAITING_BYTES, PIECE_BYTES } from "./limits";
import { Pump } from "./pump";

/** A terminal that parses when it is told to, and frames that come when they are called. */
class Bench {
  said: string[] = [];
  told: number[] = [];
  floods = 0;
  parsing: { bytes: number; parsed: () => void }[] = [];
  frames: (() => void)[] = [];
  pump = new Pump({
    write: (piece, parsed) => this.parsing.push({ bytes: piece.length, parsed }),
    onWords: ({ kind }) => this.said.push(kind),
    acknowledge: (bytes) => this.told.push(bytes),
    onFlood: () => {
      this.floods += 1;
    },
  });

  get handed(): number {
    return this.parsing.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  parse(): void {
    for (const { bytes, parsed } of this.parsing.splice(0)) {
      this.said.push(...(bytes > 0 ? [`${bytes}`] : []));
      parsed();
    }
  }

  frame(): void {
    for (const frame of this.frames.splice(0)) frame();
  }
}

const output = (bytes: number): FromServer => ({ kind: "output", bytes: new Uint8Array(bytes) });
const screen: FromServer = { kind: "screen", columns: 80, rows: 24 };
let bench: Bench;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.stubGlobal("requestAnimationFrame", (frame: () => void) => bench.frames.push(frame));
  vi.stubGlobal("cancelAnimationFrame", () => undefined);
  bench = new Bench();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("an echo is handed over at once, and acknowledged by the next frame", () => {
  bench.pump.take(output(3));
  expect(bench.handed).toBe(3);
  bench.frame();
  expect(bench.told).toEqual([]);
  bench.parse();
  bench.frame();
  expect(bench.told).toEqual([3]);
  expect(bench.frames).toEqual([]);
});

it("much output is handed over in pieces, within each frame's bound, and acknowledged once a frame", () => {
  bench.pump.take(output(1_000_000));
  let frames = 0;
  for (; bench.told.at(-1) !== 1_000_000 && frames < 100; frames += 1) {
    expect(bench.handed).toBeLessThanOrEqual(FRAME_BYTES);
    expect(Math.max(...bench.parsing.map(({ bytes }) => bytes))).toBeLessThanOrEqual(PIECE_BYTES);
    bench.parse();
    const before = bench.told.length;
    bench.frame();
    expect(bench.told.length - before).toBe(1);
  }
  expect(bench.told.at(-1)).toBe(1_000_000);
});

it("a frame that comes before the last one's output is parsed adds nothing", () => {
  bench.pump.take(output(1_000_000));
  const { handed } = bench;
  bench.frame();
  bench.frame();
  expect(bench.handed).toBe(handed);
});

it("what is said about the screen waits for the output before it, and goes before the output after it", () => {
  bench.pump.take(output(5));
  bench.pump.take({ kind: "size", columns: 80, rows: 24 });
  bench.pump.take(output(6));
  expect(bench.said).toEqual([]);
  bench.parse();
  bench.parse();
  expect(bench.said).toEqual(["5", "size", "6"]);
});

it("a new screen drops what waits for the old one, and counts it as parsed", () => {
  bench.pump.take(output(1_000_000));
  const { handed } = bench;
  bench.pump.take(screen);
  bench.pump.take(output(7));
  bench.parse();
  expect(bench.said.at(-1)).toBe("screen");
  bench.frame();
  bench.parse();
  bench.frame();
  expect(handed).toBeLessThan(1_000_000);
  expect(bench.said.at(-1)).toBe("7");
  expect(bench.told.at(-1)).toBe(1_000_007);
});

it("a new connection counts from nothing, whatever the older one's output still does", () => {
  bench.pump.take(output(10));
  bench.pump.reconnected();
  bench.pump.take(screen);
  bench.pump.take(output(4));
  expect(bench.said).toEqual([]);
  bench.parse();
  bench.parse();
  bench.frame();
  expect(bench.said).toEqual(["10", "screen", "4"]);
  expect(bench.told).toEqual([4]);
});

it("a page without frames goes on by a timer", () => {
  bench.pump.take(output(3));
  bench.parse();
  vi.advanceTimersByTime(250);
  expect(bench.told).toEqual([3]);
});

it("a controller that sends without waiting is told apart from one that keeps its bound", () => {
  bench.pump.take(output(MAX_WAITING_BYTES));
  expect(bench.floods).toBe(0);
  bench.pump.take(output(MAX_WAITING_BYTES));
  expect(bench.floods).toBe(1);
});
