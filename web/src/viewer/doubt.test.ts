import { describe, expect, it } from "vitest";
import { feel, type Pulse, type Sight, slept } from "./doubt";
import * as limits from "./limits";

describe("sleep", () => {
  it("is a jump of the clock between two ticks of a page that is seen", () => {
    expect(slept({ at: 0, visible: true }, limits.TICK_MS * 2)).toBe(false);
    expect(slept({ at: 0, visible: true }, limits.SLEPT_MS + 1)).toBe(true);
  });

  it("is not seen in the late timers of a hidden page, but in a longer gap", () => {
    expect(slept({ at: 0, visible: false }, 60_500)).toBe(false);
    expect(slept({ at: 0, visible: false }, limits.SLEPT_HIDDEN_MS + 1)).toBe(true);
  });

  it("is not a clock that was set back", () => {
    expect(slept({ at: 100_000, visible: true }, 0)).toBe(false);
  });
});

describe("the pulse", () => {
  const look = (now: number, received: number, more: Partial<Sight> = {}): Sight => ({
    now,
    received,
    visible: true,
    rttMs: 10,
    ...more,
  });
  /** The times at which it was missing. */
  function missing(looks: Sight[], heardAt = 0): number[] {
    let pulse: Pulse = { heardAt, received: undefined };
    return looks.flatMap((each) => {
      const felt = feel(pulse, each);
      pulse = felt.pulse;
      return felt.isMissing ? [each.now] : [];
    });
  }
  const every200 = (from: number, to: number) =>
    Array.from({ length: (to - from) / 200 + 1 }, (_, index) => from + index * 200);

  it("is there while anything comes", () => {
    expect(missing(every200(200, 4_000).map((now) => look(now, now)))).toEqual([]);
  });

  it("is missing when nothing came for the time that is named, also when the first look is late", () => {
    expect(limits.SILENT_MS).toBe(900);
    expect(missing(every200(600, 1_400).map((now) => look(now, 5)))).toEqual([1_000, 1_200, 1_400]);
    expect(missing([look(600, 5), look(800, 6), look(1_600, 6), look(1_800, 6)])).toEqual([1_800]);
  });

  it("may come later on a line with a long way", () => {
    const slow = every200(600, 2_200).map((now) => look(now, 5, { rttMs: 500 }));
    expect(missing(slow)).toEqual([2_000, 2_200]);
  });

  it("is not missed in a hidden page, and gets its whole time when the page is shown", () => {
    const hidden = every200(200, 6_000).map((now) => look(now, 9, { visible: false }));
    expect(missing([...hidden, look(6_200, 9), look(6_800, 9), look(7_000, 9)])).toEqual([7_000]);
  });

  it("and what follows a silence fit into two seconds", () => {
    expect(limits.SILENT_MS + limits.LOOK_MS + limits.PROBE_MS).toBeLessThanOrEqual(1_700);
  });
});
