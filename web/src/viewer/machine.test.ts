import { describe, expect, it } from "vitest";
import type { Problem } from "../api/types";
import * as limits from "./limits";
import {
  type AttemptEvent,
  deadline,
  type Effect,
  type Event,
  initial,
  isOver,
  type State,
  step,
} from "./machine";

const problem: Problem = { type: "/problems/x", title: "X", status: 422, detail: "x" };

/** Runs events from a state; attempt events go to the attempt that is current then. */
function run(
  events: (Event | AttemptEvent["type"])[],
  from: State = initial,
): { state: State; effects: Effect[] } {
  let state = from;
  const effects: Effect[] = [];
  for (const event of events) {
    const next = step(state, typeof event === "string" ? attempt(event, state.attempt) : event);
    state = next.state;
    effects.push(...next.effects);
  }
  return { state, effects };
}

function attempt(type: AttemptEvent["type"], number: number): Event {
  const event: AttemptEvent =
    type === "posted"
      ? { type, epoch: number }
      : type === "failed"
        ? { type, cause: "disconnected" }
        : type === "refused"
          ? { type, problem }
          : { type };
  return { type: "attempt", attempt: number, event };
}

const start: Event = { type: "start" };
const late: Event = { type: "deadline" };
const superseded: Event = { type: "superseded" };
const ANSWERED = [start, "offered", "posted", "answered"] as const;
const LIVE = [...ANSWERED, "ice-connected", "dtls-connected", "frame"] as const;

describe("the way to the picture", () => {
  it("posts only an offer that was made, and listens only for an epoch that is stored", () => {
    expect(run([start]).effects).toEqual([{ do: "open", attempt: 1 }]);
    expect(run([start, "offered"]).effects.at(-1)).toEqual({ do: "post", attempt: 1 });
    expect(run([start, "offered", "posted"]).effects.at(-1)).toEqual({ do: "listen", attempt: 1, epoch: 1 });
  });

  it("reports ICE, DTLS and the frame once each and in this order", () => {
    const { state, effects } = run([...LIVE, "frame", "ice-connected", "dtls-connected"]);
    expect(state.phase).toEqual({ at: "live", epoch: 1, probing: false });
    expect(effects.filter((effect) => effect.do === "report").map((effect) => effect.state)).toEqual([
      "ice-connected",
      "dtls-connected",
      "frame-decoded",
    ]);
  });

  it("is live only with a frame, in whatever order the browser reports", () => {
    const steps = ["ice-connected", "dtls-connected", "frame"] as const;
    const orders = [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ];
    for (const order of orders) {
      let { state } = run([...ANSWERED]);
      for (const index of order) {
        const before = state.phase.at === "live";
        const event = steps[index] ?? "frame";
        state = run([event], state).state;
        expect(state.phase.at === "live", `${order}`).toBe(before || event === "frame");
      }
    }
  });

  it("ignores what a connection reports before its answer was taken", () => {
    for (const type of ["ice-connected", "dtls-connected", "frame"] as const) {
      expect(run([start, "offered", "posted", type]).state.phase.at).toBe("answering");
    }
  });

  it("ignores a second answer", () => {
    expect(run([...LIVE, "answered"]).state.phase.at).toBe("live");
  });
});

describe("deadlines", () => {
  it("each phase before the picture has one, with its own cause", () => {
    const table = [
      [[start], limits.OFFER_MS, "offer-not-made"],
      [[start, "offered"], limits.POST_MS, "controller-unreachable"],
      [[start, "offered", "posted"], limits.ANSWER_MS, "answer-late"],
      [[...ANSWERED], limits.ICE_MS, "ice-timeout"],
      [[...ANSWERED, "ice-connected"], limits.DTLS_MS, "dtls-timeout"],
      [[...ANSWERED, "dtls-connected"], limits.FRAME_MS, "frame-timeout"],
    ] as const;
    for (const [events, ms, cause] of table) {
      const { state } = run([...events]);
      expect(deadline(state), cause).toBe(ms);
      expect(run([late], state).state.cause).toBe(cause);
    }
  });

  it("ICE without DTLS is its own failure, though the browser never says failed", () => {
    const { state } = run([...ANSWERED, "ice-connected", late]);
    expect(state.cause).toBe("dtls-timeout");
    expect(state.attempt).toBe(2);
  });

  it("a good picture has none", () => {
    expect(deadline(run([...LIVE]).state)).toBeUndefined();
  });
});

describe("a lost connection", () => {
  it("is followed at once by a new attempt, after the old one was closed", () => {
    const { state, effects } = run([...LIVE, "failed"]);
    expect(state.phase.at).toBe("offering");
    expect(effects.slice(-2)).toEqual([
      { do: "close", attempt: 1 },
      { do: "open", attempt: 2 },
    ]);
  });

  it("waits longer after each failure, up to a bound", () => {
    let { state } = run([...ANSWERED]);
    const pauses: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      state = run(["failed"], state).state;
      if (state.phase.at === "waiting") {
        pauses.push(deadline(state) ?? 0);
        state = run([late], state).state;
      } else pauses.push(0);
    }
    expect(pauses).toEqual([0, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
  });

  it("forgets earlier failures only when a connection has held", () => {
    const lost = run([...LIVE, "failed", "offered", "posted", "answered", "frame"]).state;
    expect(lost.failures).toBe(1);
    expect(deadline(lost)).toBe(limits.SETTLE_MS);
    const settled = run([late], lost).state;
    expect(settled.failures).toBe(0);
    expect(settled.phase.at).toBe("live");
    expect(deadline(settled)).toBeUndefined();
  });

  it("no event of an older attempt counts", () => {
    const { state } = run([...LIVE, "failed"]);
    const types = [
      "offered",
      "posted",
      "answered",
      "ice-connected",
      "dtls-connected",
      "frame",
      "failed",
      "refused",
    ] as const;
    for (const type of types) {
      expect(step(state, attempt(type, 1)), type).toEqual({ state, effects: [] });
    }
  });

  it("can be retried by the person before the pause is over", () => {
    const waiting = run([...ANSWERED, "failed", "failed"]).state;
    expect(waiting.phase.at).toBe("waiting");
    expect(run([{ type: "retry-now" }], waiting).state.phase.at).toBe("offering");
  });
});

describe("an unreachable controller", () => {
  it("gets the same offer of the same connection again", () => {
    const { state, effects } = run([start, "offered", "post-unreachable", late]);
    expect(state.attempt).toBe(1);
    expect(state.phase).toEqual({ at: "posting", tries: 2 });
    expect(effects).toEqual([
      { do: "open", attempt: 1 },
      { do: "post", attempt: 1 },
      { do: "post", attempt: 1 },
    ]);
  });

  it("is asked with growing pauses", () => {
    let { state } = run([start, "offered"]);
    const pauses: (number | undefined)[] = [];
    for (let round = 0; round < 6; round += 1) {
      state = run(["post-unreachable"], state).state;
      pauses.push(deadline(state));
      state = run([late], state).state;
    }
    expect(pauses).toEqual([500, 500, 1000, 2000, 4000, 8000]);
  });
});

describe("a change of the network", () => {
  it("probes a live connection and keeps it when it answers", () => {
    const { state, effects } = run([...LIVE, { type: "doubt" }]);
    expect(effects.at(-1)).toEqual({ do: "probe", attempt: 1 });
    expect(deadline(state)).toBe(limits.PROBE_MS);
    expect(run(["pong"], state).state.phase).toEqual({ at: "live", epoch: 1, probing: false });
  });

  it("makes a new epoch within a second when it does not", () => {
    const { state } = run([...LIVE, { type: "doubt" }, late]);
    expect(state.phase.at).toBe("offering");
    expect(state.cause).toBe("network-changed");
    expect(limits.PROBE_MS + limits.RETRY_MS[0]).toBeLessThanOrEqual(1000);
  });

  it("ends a pause at once", () => {
    const { state } = run([...ANSWERED, "failed", "failed", { type: "doubt" }]);
    expect(state.phase.at).toBe("offering");
  });
});

describe("another page of the same session", () => {
  it("takes the picture only when this page's is lost", () => {
    const flagged = run([...LIVE, superseded]).state;
    expect(flagged.phase.at).toBe("live");
    const lost = run(["failed"], flagged);
    expect(lost.state.phase.at).toBe("elsewhere");
    expect(lost.effects).toEqual([{ do: "close", attempt: 1 }]);
  });

  it("ends the wait for an answer that can't come any more", () => {
    expect(run([start, "offered", "posted", superseded]).state.phase.at).toBe("elsewhere");
  });

  it("does not frighten a page whose own epoch is on its way", () => {
    for (const events of [[start], [start, "offered"], [start, "offered", "post-unreachable"]] as const) {
      const before = run([...events]).state;
      expect(step(before, superseded).state).toEqual(before);
    }
  });

  it("can be taken over again", () => {
    const { state } = run([start, "offered", "posted", superseded, { type: "take-over" }]);
    expect(state.phase.at).toBe("offering");
    expect(state.superseded).toBe(false);
  });
});

describe("the end", () => {
  const ends: Event[] = [{ type: "session-ended" }, { type: "stop" }, attempt("refused", 1)];

  it("closes the connection in every phase and nothing happens afterwards", () => {
    const phases = [
      [start],
      [start, "offered"],
      [start, "offered", "posted"],
      [...ANSWERED],
      [...LIVE],
    ] as const;
    const all: Event[] = [
      start,
      late,
      superseded,
      { type: "take-over" },
      { type: "retry-now" },
      { type: "doubt" },
      ...ends,
      attempt("failed", 1),
    ];
    for (const events of phases) {
      for (const end of ends) {
        const { state, effects } = run([end], run([...events]).state);
        expect(isOver(state)).toBe(true);
        expect(effects).toEqual([{ do: "close", attempt: 1 }]);
        for (const event of all) expect(step(state, event)).toEqual({ state, effects: [] });
      }
    }
  });
});

describe("whatever happens", () => {
  it("at most one connection is open, and each opened one is closed or current", () => {
    const random = generator(20261122);
    for (let round = 0; round < 2000; round += 1) {
      let state: State = initial;
      const open = new Set<number>();
      for (let length = 0; length < 40; length += 1) {
        const next = step(state, anyEvent(random, state.attempt));
        state = next.state;
        for (const effect of next.effects) {
          if (effect.do === "open") open.add(effect.attempt);
          if (effect.do === "close") open.delete(effect.attempt);
        }
        expect(open.size, `round ${round}`).toBeLessThanOrEqual(1);
        if (open.size === 1) expect([...open]).toEqual([state.attempt]);
        if (state.phase.at === "live") expect(open.size).toBe(1);
        if (isOver(state) || state.phase.at === "waiting" || state.phase.at === "elsewhere")
          expect(open.size).toBe(0);
      }
    }
  });
});

/** A small generator (mulberry32), so that a failing round can be run again from its seed. */
function generator(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function anyEvent(random: () => number, current: number): Event {
  const kinds: AttemptEvent["type"][] = [
    "offered",
    "posted",
    "post-unreachable",
    "answered",
    "ice-connected",
    "dtls-connected",
    "frame",
    "pong",
    "failed",
  ];
  const others: Event[] = [
    start,
    late,
    superseded,
    { type: "take-over" },
    { type: "retry-now" },
    { type: "doubt" },
  ];
  const rare: Event[] = [{ type: "session-ended" }, { type: "stop" }, attempt("refused", current)];
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const dice = random();
  if (dice < 0.02) return pick(rare);
  if (dice < 0.3) return pick(others);
  return attempt(pick(kinds), random() < 0.9 ? current : current - 1);
}
