import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Heartbeat } from "./heartbeat";
import { FOLLOW_MS, PING_MS } from "./limits";

let stop: AbortController;
let pings: number[];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", { visibilityState: "visible" });
  stop = new AbortController();
  pings = [];
});
afterEach(() => {
  stop.abort();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function heartbeat(): Heartbeat {
  const since = Date.now();
  return new Heartbeat({
    ping: () => pings.push(Date.now() - since) > 0,
    received: async () => 0,
    onLatency: () => undefined,
    onSilence: () => undefined,
    signal: stop.signal,
  });
}

it("some pings follow an input event, so that its loss is noticed without SCTP's timer", () => {
  const beats = heartbeat();
  beats.follow();
  vi.advanceTimersByTime(PING_MS - 1);
  expect(pings).toEqual([0, ...FOLLOW_MS]);
});

it("events that follow each other need none in between", () => {
  const beats = heartbeat();
  for (let event = 0; event < 5; event += 1) {
    beats.follow();
    vi.advanceTimersByTime(10);
  }
  vi.advanceTimersByTime(PING_MS - 51);
  expect(pings).toEqual([0, ...FOLLOW_MS.map((ms) => 40 + ms)]);
});

it("nothing is sent for a connection that is over", () => {
  const beats = heartbeat();
  beats.follow();
  stop.abort();
  vi.advanceTimersByTime(10_000);
  expect(pings).toEqual([0]);
});
