import { describe, expect, it } from "vitest";
import type { Problem } from "../api/types";
import type { Doubt } from "./doubt";
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
          : type === "not-posted"
            ? { type, cause: "controller-unreachable" }
            : { type };
  return { type: "attempt", attempt: number, event };
}

const start: Event = { type: "start" };
const late: Event = { type: "deadline" };
const epoch = (number: number): Event => ({ type: "epoch", epoch: number });
const doubt = (what: Doubt): Event => ({ type: "doubt", doubt: what });
const takeOver: Event = { type: "take-over" };
const takenOver = (current: number | undefined): Event => ({
  type: "attempt",
  attempt: 1,
  event: { type: "taken-over", ...(current === undefined ? {} : { current }) },
});
const queued = (is: boolean): Event => ({ type: "queued", queued: is });
const ANSWERED = [start, "offered", "posted", "answered"] as const;
const LIVE = [...ANSWERED, "ice-connected", "dtls-connected", "frame"] as const;

describe("the way to the picture", () => {
  it("posts only an offer that was made, and listens only for an epoch that is stored", () => {
    expect(run([start]).effects).toEqual([{ do: "open", attempt: 1 }]);
    expect(run([start, "offered"]).effects.at(-1)).toEqual({ do: "post", attempt: 1, after: 0 });
    expect(run([start, "offered", "posted"]).effects.at(-1)).toEqual({ do: "listen", attempt: 1, epoch: 1 });
  });

  it("reports ICE, DTLS and the frame once each and in this order", () => {
    const { state, effects } = run([...LIVE, "frame", "ice-connected", "dtls-connected"]);
    expect(state.phase).toEqual({ at: "live", epoch: 1, probing: undefined });
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
    expect(pauses).toEqual([0, 500, 1000, 1500, 1500, 1500, 1500, 1500]);
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
    const { state, effects } = run([start, "offered", "not-posted", late]);
    expect(state.attempt).toBe(1);
    expect(state.phase).toEqual({ at: "posting", tries: 2, after: 0 });
    expect(deadline(state)).toBe(2 * limits.POST_MS);
    expect(effects).toEqual([
      { do: "open", attempt: 1 },
      { do: "post", attempt: 1, after: 0 },
      { do: "post", attempt: 1, after: 0 },
    ]);
  });

  it("is asked with growing pauses", () => {
    let { state } = run([start, "offered"]);
    const pauses: (number | undefined)[] = [];
    for (let round = 0; round < 6; round += 1) {
      state = run(["not-posted"], state).state;
      pauses.push(deadline(state));
      state = run([late], state).state;
    }
    expect(pauses).toEqual([500, 500, 1000, 1500, 1500, 1500]);
  });

  it("may say when it wants to be asked again, within a bound", () => {
    const later = (pauseMs: number) =>
      deadline(
        run([
          start,
          "offered",
          { type: "attempt", attempt: 1, event: { type: "not-posted", cause: "no-picture-yet", pauseMs } },
        ]).state,
      );
    expect([later(100), later(2_000), later(3_600_000)]).toEqual([500, 2_000, limits.MAX_RETRY_AFTER_MS]);
  });
});

describe("a doubt", () => {
  const ALL: Doubt[] = [
    "network-back",
    "network-differs",
    "computer-slept",
    "page-shown",
    "connection-silent",
  ];

  it("probes a live connection, whatever it is, and keeps it when the machine is heard", () => {
    for (const what of ALL) {
      const { state, effects } = run([...LIVE, doubt(what)]);
      expect(effects.at(-1), what).toEqual({ do: "probe", attempt: 1 });
      expect(deadline(state), what).toBe(limits.PROBE_MS);
      expect(run(["heard"], state).state.phase).toEqual({ at: "live", epoch: 1, probing: undefined });
    }
  });

  it("gives a line with a long way the time of some round trips", () => {
    const heard = (rttMs: number): Event => ({
      type: "attempt",
      attempt: 1,
      event: { type: "heard", rttMs },
    });
    for (const [rttMs, ms] of [
      [20, limits.PROBE_MS],
      [500, 2_000],
    ] as const) {
      const { state } = run([...LIVE, heard(rttMs), doubt("page-shown")]);
      expect(deadline(state)).toBe(ms);
    }
  });

  it("that proves right has its own name, and a new epoch is made at once", () => {
    const table = [
      ["network-back", "network-changed"],
      ["network-differs", "network-changed"],
      ["computer-slept", "computer-slept"],
      ["page-shown", "connection-silent"],
      ["connection-silent", "connection-silent"],
    ] as const;
    for (const [what, cause] of table) {
      const { state, effects } = run([...LIVE, doubt(what), late]);
      expect(state.cause, what).toBe(cause);
      expect(effects.at(-1)).toEqual({ do: "open", attempt: 2 });
    }
    expect(limits.PROBE_MS + limits.RETRY_MS[0]).toBeLessThanOrEqual(1_000);
  });

  it("is one: a second one does not give the probe more time", () => {
    const probing = run([...LIVE, doubt("page-shown")]).state;
    expect(step(probing, doubt("network-back"))).toEqual({ state: probing, effects: [] });
  });

  it("ends a pause at once", () => {
    for (const what of ALL) {
      expect(run([...ANSWERED, "failed", "failed", doubt(what)]).state.phase.at, what).toBe("offering");
      expect(run([start, "offered", "not-posted", doubt(what)]).state.phase.at, what).toBe("posting");
    }
  });

  it("that is certain begins anew what hangs in the old network, and counts as no failure", () => {
    const before = [[start, "offered", "posted"], [...ANSWERED], [...ANSWERED, "ice-connected"]] as const;
    for (const events of before) {
      for (const what of ["network-back", "computer-slept"] as const) {
        const { state, effects } = run([...events, doubt(what)]);
        expect(state).toMatchObject({ phase: { at: "offering" }, attempt: 2, failures: 0 });
        expect(effects.slice(-2)).toEqual([
          { do: "close", attempt: 1 },
          { do: "open", attempt: 2 },
        ]);
      }
      for (const what of ["network-differs", "page-shown", "connection-silent"] as const) {
        const { state } = run([...events]);
        expect(step(state, doubt(what)), what).toEqual({ state, effects: [] });
      }
    }
  });

  it("that is certain sends an offer on its way again, the same one", () => {
    const { state, effects } = run([start, "offered", doubt("network-back")]);
    expect(state.attempt).toBe(1);
    expect(effects.at(-1)).toEqual({ do: "post", attempt: 1, after: 0 });
  });
});

describe("another page of the same session", () => {
  const posted = (epoch: number, attempt = 2): Event => ({
    type: "attempt",
    attempt,
    event: { type: "posted", epoch },
  });

  it("has the desktop as soon as its epoch is known, and this page says so at once", () => {
    for (const events of [[start, "offered", "posted"], [...ANSWERED], [...LIVE]] as const) {
      const { state, effects } = run([...events, epoch(2)]);
      expect(state.phase.at).toBe("elsewhere");
      expect(effects.at(-1)).toEqual({ do: "close", attempt: 1 });
    }
  });

  it("never fights: an offer says what this page knows, and a refusal leaves the desktop where it is", () => {
    const lost = run([...LIVE, "failed", "offered"]);
    expect(lost.effects.at(-1)).toEqual({ do: "post", attempt: 2, after: 1 });
    const { state, effects } = run(["taken-over"], lost.state);
    expect(state.phase.at).toBe("elsewhere");
    expect(effects).toEqual([{ do: "close", attempt: 2 }]);
    for (const event of [late, doubt("network-back"), { type: "retry-now" }, epoch(7), start] as const) {
      expect(step(state, event).state.phase.at).toBe("elsewhere");
    }
  });

  it("is not seen in this page's own epoch, whichever is heard first", () => {
    expect(run([...LIVE, epoch(1)]).state.phase.at).toBe("live");
    const heardFirst = run([start, "offered", epoch(1), "posted"]).state;
    expect(heardFirst.phase).toEqual({ at: "answering", epoch: 1 });
    const again = run([...LIVE, "failed", "offered", epoch(2), posted(2)]).state;
    expect(again.phase).toEqual({ at: "answering", epoch: 2 });
  });

  it("is seen also when its epoch was heard of before this page's own was stored", () => {
    expect(run([start, "offered", epoch(2), "posted"]).state.phase.at).toBe("elsewhere");
  });

  it("ends a pause and an offer that is being made: nothing is asked for any more", () => {
    expect(run([...ANSWERED, "failed", "failed", epoch(5)]).state.phase.at).toBe("elsewhere");
    expect(run([...LIVE, "failed", epoch(5)]).state.phase.at).toBe("elsewhere");
  });

  it("is no reason to stop for a page that was opened to take the desktop, which names the newest that it knows", () => {
    const { state, effects } = run([epoch(4), start, epoch(5), "offered"]);
    expect(state.phase.at).toBe("posting");
    expect(effects.at(-1)).toEqual({ do: "post", attempt: 1, after: 5 });
  });

  it("is told of by a refusal, and a page that was opened offers the same connection after that epoch", () => {
    const { state, effects } = run([start, "offered", takenOver(3)]);
    expect(effects.at(-1)).toEqual({ do: "post", attempt: 1, after: 3 });
    expect(run([takenOver(4)], state).effects).toEqual([{ do: "post", attempt: 1, after: 4 }]);
    // A refusal that tells nothing new would be repeated for ever.
    for (const again of [takenOver(3), takenOver(undefined)])
      expect(run([again], state).state.phase.at).toBe("elsewhere");
  });

  it("gives the desktop back when the person says so, by an offer after its epoch", () => {
    const elsewhere = run([...LIVE, epoch(2)]).state;
    const { state, effects } = run([takeOver, "offered"], elsewhere);
    expect(effects.at(-1)).toEqual({ do: "post", attempt: 2, after: 2 });
    const back = run([posted(3)], state).state;
    expect(back.own).toBe(3);
    expect(run(["failed"], { ...back, failures: 0 }).effects.at(-1)).toEqual({ do: "open", attempt: 3 });
  });

  it("gets the desktop from a page that yields, before as after its first picture", () => {
    for (const events of [[], [start], [...ANSWERED], [...LIVE]] as const) {
      const yielded = run([...events, { type: "yield" }]).state;
      expect(yielded.phase.at).toBe("elsewhere");
      expect(run([takeOver], yielded).state.phase.at).toBe("offering");
    }
  });
});

describe("an offer on its way", () => {
  it("is not given up for a failure, since its epoch may be stored and not yet heard of", () => {
    for (const events of [
      [start, "offered"],
      [start, "offered", "not-posted"],
    ] as const) {
      const { state } = run([...events]);
      expect(step(state, attempt("failed", 1))).toEqual({ state, effects: [] });
    }
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
      epoch(9),
      takeOver,
      { type: "yield" },
      { type: "retry-now" },
      doubt("network-back"),
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
    const wrong = play((state, open) => {
      if (open.size > 1 || (open.size === 1 && !open.has(state.attempt))) return "another is open";
      if (state.phase.at === "live" && open.size !== 1) return "live without one";
      const isClosed = isOver(state) || state.phase.at === "waiting" || state.phase.at === "elsewhere";
      return isClosed && open.size > 0 ? "open for nobody" : undefined;
    });
    expect(wrong).toEqual([]);
  });

  it("an offer comes after this page's own newest epoch, or by the person's wish after a newer one that it was told of", () => {
    let isWished = true;
    let own: number | undefined;
    let told = 0;
    const wrong = play((_, __, event, effects) => {
      if (event.type === "start" || event.type === "take-over") isWished = true;
      if (event.type === "epoch") told = Math.max(told, event.epoch);
      if (event.type === "attempt" && event.event.type === "taken-over")
        told = Math.max(told, event.event.current ?? 0);
      for (const effect of effects) {
        if (effect.do !== "post" || effect.after === own) continue;
        if (!isWished) return "it took the desktop by itself";
        if (effect.after > Math.max(told, own ?? 0)) return "it named an epoch that nobody told it of";
      }
      for (const effect of effects) {
        if (effect.do !== "listen") continue;
        own = effect.epoch;
        isWished = false;
      }
      return undefined;
    });
    expect(wrong).toEqual([]);
  });
});

type Check = (
  state: State,
  open: ReadonlySet<number>,
  event: Event,
  effects: readonly Effect[],
) => string | undefined;

/** Plays random events and gives what was wrong, with the round's number. */
function play(check: Check): string[] {
  const random = generator(20261122);
  const wrong: string[] = [];
  for (let round = 0; round < 2000; round += 1) {
    let state: State = initial;
    const open = new Set<number>();
    for (let length = 0; length < 40; length += 1) {
      const event = anyEvent(random, state.attempt);
      const next = step(state, event);
      state = next.state;
      for (const effect of next.effects) {
        if (effect.do === "open") open.add(effect.attempt);
        if (effect.do === "close") open.delete(effect.attempt);
      }
      const found = check(state, open, event, next.effects);
      if (found) wrong.push(`round ${round}: ${found}`);
    }
  }
  return wrong;
}

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
    "not-posted",
    "answered",
    "ice-connected",
    "dtls-connected",
    "frame",
    "heard",
    "taken-over",
    "failed",
  ];
  const others: Event[] = [
    start,
    late,
    epoch(Math.floor(random() * 5)),
    takeOver,
    { type: "yield" },
    { type: "retry-now" },
    doubt("network-back"),
    doubt("page-shown"),
  ];
  const rare: Event[] = [{ type: "session-ended" }, { type: "stop" }, attempt("refused", current)];
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const dice = random();
  if (dice < 0.02) return pick(rare);
  if (dice < 0.3) return pick(others);
  if (dice < 0.34)
    return {
      type: "attempt",
      attempt: current,
      event: { type: "taken-over", current: Math.floor(random() * 6) },
    };
  return attempt(pick(kinds), random() < 0.9 ? current : current - 1);
}

it("a connection waits for as long as its session waits for a place, and for its answer from then on", () => {
  const { state } = run([start, "offered", "posted", queued(true)]);
  expect([state.phase.at, deadline(state)]).toEqual(["answering", undefined]);
  const { state: placed, effects } = run([queued(false)], state);
  expect([placed.phase.at, deadline(placed), placed.attempt]).toEqual(["answering", limits.ANSWER_MS, 1]);
  expect(effects).toEqual([]);
});
