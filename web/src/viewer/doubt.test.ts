import { describe, expect, it } from "vitest";
import { feel, type Pulse, slept } from "./doubt";
import * as limits from "./limits";

describe("sleep", () => {
  it("is a jump of the clock between two ticks of a page that is seen", () => {
    expect(slept({ at: 0, visible: true }, limits.PING_MS * 2)).toBe(false);
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
  const look = (now: number, received: number, visible = true) => ({ now, received, visible });
  /** The times at which it was missing. */
  function missing(looks: { now: number; received: number; visible: boolean }[]): number[] {
    let pulse: Pulse = { heardAt: 0, received: 0 };
    return looks.flatMap((each) => {
      const felt = feel(pulse, each);
      pulse = felt.pulse;
      return felt.isMissing ? [each.now] : [];
    });
  }

  it("is there while anything comes", () => {
    expect(missing([1, 2, 3, 4, 5].map((n) => look(n * 1_000, n)))).toEqual([]);
  });

  it("is missing when nothing came for the time that is named", () => {
    expect(limits.SILENT_MS).toBe(2_000);
    expect(missing([look(1_000, 5), look(2_000, 5), look(3_000, 5), look(4_000, 6)])).toEqual([3_000]);
  });

  it("is not missed in a hidden page, and gets its whole time when the page is shown", () => {
    const hidden = [1, 2, 3, 4, 5, 6].map((n) => look(n * 1_000, 9, false));
    expect(missing([...hidden, look(7_000, 9), look(8_000, 9)])).toEqual([8_000]);
  });
});
