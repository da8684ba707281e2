import { describe, expect, it } from "vitest";
import type { Outcome } from "../api/client";
import type { IceServers } from "../api/types";
import * as limits from "./limits";
import { holdMs, Relays, toRtc } from "./relays";

const HOUR = 3_600_000;
const relays: IceServers = {
  iceServers: [{ urls: ["turn:relay.example.test:3478"], username: "1:s", credential: "secret" }],
  ticket: "tic_1",
};
const unreachable: Outcome<IceServers> = { kind: "unreachable", detail: "no network" };
const told = (value: IceServers): Outcome<IceServers> => ({ kind: "ok", value, status: 200 });

/** Relays whose calls are answered by the test. */
function make() {
  const calls: ((answer: Outcome<IceServers>) => void)[] = [];
  const clock = { now: 0 };
  const ask = () => new Promise<Outcome<IceServers>>((done) => calls.push(done));
  return { calls, clock, known: new Relays("ses_1", ask, () => clock.now) };
}

describe("relays", () => {
  it("are not known before the call is answered, and one call is made for all who ask", async () => {
    const { known, calls } = make();
    const both = Promise.all([known.refresh(), known.refresh()]);
    expect(known.known()).toBeUndefined();
    expect(calls).toHaveLength(1);
    calls[0]?.(told(relays));
    await both;
    expect(known.known()).toEqual(relays);
  });

  it("are forgotten before their credentials end", async () => {
    const { known, calls, clock } = make();
    const asked = known.refresh();
    calls[0]?.(told({ ...relays, expiresAt: 120_000 }));
    await asked;
    expect(known.dueMs).toBe(120_000 - limits.RELAYS_MARGIN_MS);
    clock.now = 59_999;
    expect(known.known()).toBeDefined();
    clock.now = 60_000;
    expect(known.known()).toBeUndefined();
    expect(known.dueMs).toBe(limits.RELAYS_AGAIN_MS);
  });

  it("are held within bounds when this computer's clock is wrong", () => {
    expect(holdMs(HOUR, 24 * HOUR)).toBe(limits.RELAYS_HOLD_MS.least);
    expect(holdMs(24 * HOUR, 0)).toBe(limits.RELAYS_HOLD_MS.most);
    expect(holdMs(undefined, 0)).toBe(limits.RELAYS_HOLD_MS.most);
    expect(holdMs(null, 0)).toBe(limits.RELAYS_HOLD_MS.most);
  });

  it("are for one click: taken, they are asked for anew", async () => {
    const { known, calls } = make();
    const asked = known.refresh();
    calls[0]?.(told(relays));
    await asked;
    expect(known.take()?.ticket).toBe("tic_1");
    expect(known.known()).toBeUndefined();
    expect(calls).toHaveLength(2);
  });

  it("that are not known soon are none, and serve the next offer", async () => {
    const { known, calls } = make();
    const before = performance.now();
    expect(await known.soon()).toEqual([]);
    expect(performance.now() - before).toBeLessThan(limits.RELAYS_WAIT_MS + 200);
    calls[0]?.(told(relays));
    await known.refresh();
    expect(await known.soon()).toEqual(toRtc(relays));
    expect(calls).toHaveLength(1);
  });

  it("whose call fails are none at once, and no error", async () => {
    const { known, calls } = make();
    const soon = known.soon();
    calls[0]?.(unreachable);
    expect(await soon).toEqual([]);
  });

  it("come without the fields that they have not", () => {
    expect(toRtc({ iceServers: [{ urls: ["stun:a.test"], username: null }] })).toEqual([
      { urls: ["stun:a.test"] },
    ]);
    expect(toRtc(undefined)).toEqual([]);
  });
});
