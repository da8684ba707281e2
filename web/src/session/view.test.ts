import { describe, expect, it } from "vitest";
import type { SessionEvent, SessionView } from "../api/types";
import { apply, fold, isEnded, isOver, placed, withDeadline } from "./view";

const view: SessionView = {
  sessionId: "ses_1",
  provider: "codex",
  state: "starting",
  method: "desktop",
  epoch: 1,
  connection: "new",
  createdAt: 1000,
  steps: [],
  pasted: 0,
};
const log: SessionEvent[] = [
  { id: 1, at: 1000, kind: "epoch", epoch: 1 },
  { id: 2, at: 1001, kind: "step", step: "offer-stored" },
  { id: 3, at: 1400, kind: "step", step: "agent-ready" },
  { id: 4, at: 1400, kind: "state", state: "signing-in" },
  { id: 5, at: 1500, kind: "step", step: "answer-stored" },
  { id: 6, at: 1600, kind: "step", step: "frame-decoded" },
  { id: 7, at: 2000, kind: "epoch", epoch: 2 },
  { id: 8, at: 2100, kind: "step", step: "answer-stored" },
  { id: 9, at: 2500, kind: "url", loginUrl: { url: "https://a.test/1", source: "printed" } },
  { id: 10, at: 2600, kind: "url", loginUrl: { url: "https://a.test/2", source: "shim" } },
  { id: 11, at: 9000, kind: "state", state: "succeeded", reason: { code: "saved", detail: "Saved." } },
  { id: 12, at: 9500, kind: "step", step: "machine-destroyed" },
];
const replay = (from: SessionView, events = log) => events.reduce(apply, fold(from)).view;

describe("who waits for a place", () => {
  const queued: SessionView = { ...view, state: "queued", ahead: 2 };

  it("moves up, and forgets its place with it", () => {
    const moved = placed(fold(queued), 1);
    expect(moved.view.ahead).toBe(1);
    const started = apply(moved, { id: 1, at: 2000, kind: "state", state: "starting" });
    expect(started.view).toEqual({ ...view, state: "starting" });
    expect(placed(started, 0)).toBe(started);
  });

  it("has no machine whose end is waited for", () => {
    const reason = { code: "no-capacity" as const, detail: "Full." };
    const end: SessionEvent = { id: 2, at: 3000, kind: "state", state: "failed", reason };
    expect(isOver(apply(fold(queued), end))).toBe(true);
    const started = apply(fold(queued), { id: 1, at: 2000, kind: "state", state: "starting" });
    expect(isOver(apply(started, end))).toBe(false);
    const gone: SessionEvent = { id: 3, at: 4000, kind: "step", step: "machine-destroyed" };
    expect(isOver(apply(apply(started, end), gone))).toBe(true);
  });
});

describe("the view", () => {
  it("follows the log to its end", () => {
    const end = replay(view);
    expect(end).toMatchObject({ state: "succeeded", epoch: 2, endedAt: 9000, reason: { code: "saved" } });
    expect(end.loginUrl).toEqual({ url: "https://a.test/2", source: "shim" });
    expect(end.steps.map(({ step, at }) => [step, at])).toEqual([
      ["offer-stored", 1001],
      ["agent-ready", 1400],
      ["answer-stored", 2100],
      ["machine-destroyed", 9500],
    ]);
  });

  it("that is newer than a stream which starts over does not go back", () => {
    for (let length = 0; length <= log.length; length += 1) {
      const newer = replay(view, log.slice(0, length));
      const { loginUrl: _, ...seen } = replay(newer, log.slice(0, length));
      const { loginUrl: __, ...before } = newer;
      expect(seen, `after ${length}`).toEqual(before);
      expect(replay(newer)).toEqual(replay(view));
    }
  });

  it("ends once: a later end changes nothing", () => {
    const late: SessionEvent = {
      id: 13,
      at: 9900,
      kind: "state",
      state: "cancelled",
      reason: { code: "cancelled-by-person", detail: "x" },
    };
    expect(replay(view, [...log, late])).toMatchObject({
      state: "succeeded",
      endedAt: 9000,
      reason: { code: "saved" },
    });
  });

  it("takes each event once", () => {
    const half = log.slice(0, 6).reduce(apply, fold(view));
    expect(log.slice(0, 6).reduce(apply, half)).toEqual(half);
  });
});

describe("a sign-in without a desktop", () => {
  const light: SessionView = { ...view, method: "device", epoch: 0, state: "starting" };
  const code = (id: number, code: string): SessionEvent => ({
    id,
    at: 1000 + id,
    kind: "device-code",
    deviceCode: { code, url: "https://a.test/device" },
  });

  it("has the newest code that the CLI has printed", () => {
    const first = apply(fold(light), code(1, "ABCD-1234"));
    expect(first.view.deviceCode).toEqual({ code: "ABCD-1234", url: "https://a.test/device" });
    expect(apply(first, code(2, "EFGH-5678")).view.deviceCode?.code).toBe("EFGH-5678");
    expect(apply(first, code(1, "EFGH-5678")).view.deviceCode?.code).toBe("ABCD-1234");
  });

  it("counts what was brought back, and a stream that starts over takes nothing off", () => {
    const pasted = (id: number, count: number): SessionEvent => ({ id, at: 1000, kind: "pasted", count });
    const twice = apply(apply(fold(light), pasted(1, 1)), pasted(2, 2));
    expect(twice.view.pasted).toBe(2);
    expect(apply(fold({ ...light, pasted: 2 }), pasted(1, 1)).view.pasted).toBe(2);
    const refused: SessionEvent = { id: 3, at: 1000, kind: "paste-refused", detail: "of another sign-in" };
    expect(apply(twice, refused).view.pasteRefused).toBe("of another sign-in");
    expect(apply(apply(twice, refused), pasted(4, 3)).view.pasteRefused).toBeUndefined();
  });
});

describe("a deadline", () => {
  const starting = fold({ ...view, deadlineAt: 61_000 });
  const signingIn = apply(starting, { id: 1, at: 2000, kind: "state", state: "signing-in" });

  it("ends with its state", () => {
    expect(starting.view.deadlineAt).toBe(61_000);
    expect(signingIn.view.deadlineAt).toBeUndefined();
  });

  it("that is fetched anew counts only for the state that it was fetched for", () => {
    const fresh: SessionView = { ...view, state: "signing-in", deadlineAt: 902_000 };
    expect(withDeadline(signingIn, fresh).view.deadlineAt).toBe(902_000);
    expect(withDeadline(signingIn, { ...fresh, state: "starting" })).toBe(signingIn);
    const saving = apply(signingIn, { id: 2, at: 3000, kind: "state", state: "saving" });
    expect(withDeadline(saving, fresh)).toBe(saving);
  });
});

it("exactly the four last states are ends", () => {
  const table = {
    "waiting-for-offer": false,
    starting: false,
    "signing-in": false,
    saving: false,
    succeeded: true,
    failed: true,
    cancelled: true,
    "timed-out": true,
  } as const;
  for (const [state, ended] of Object.entries(table))
    expect(isEnded(state as keyof typeof table)).toBe(ended);
});
