import { expect, it } from "vitest";
import type { SessionView, Step } from "../api/types";
import { duration, isPersonsTurn, phasesOf } from "./phases";

const at = (steps: Step[]) => ({
  createdAt: 1000,
  steps: steps.map((step, index) => ({ step, at: 1100 + index * 100 })),
});

it("right after the click the first phase is active and all others are open", () => {
  expect(phasesOf(undefined).map(({ state }) => state)).toEqual([
    "active",
    "open",
    "open",
    "open",
    "open",
    "open",
    "open",
  ]);
});

it("a phase is done with its last step and tells its time from the click", () => {
  const [machine, desktop] = phasesOf(
    at(["offer-stored", "machine-created", "agent-ready", "desktop-ready"]),
  );
  expect(machine).toMatchObject({ state: "done", doneMs: 300 });
  expect(desktop).toMatchObject({ state: "active", detail: "Starting the browser", doneMs: undefined });
});

it("phases may end out of order, and exactly one is active until all are done", () => {
  const phases = phasesOf(
    at(["offer-stored", "machine-created", "agent-ready", "cli-started", "url-found", "url-opened"]),
  );
  expect(phases.map(({ state }) => state)).toEqual([
    "done",
    "active",
    "open",
    "done",
    "open",
    "open",
    "open",
  ]);
});

it("without a desktop there is nothing of a desktop to wait for", () => {
  const steps = at(["machine-created", "agent-ready", "cli-started"]);
  for (const [method, detail] of [
    ["device", "Waiting for the CLI's code"],
    ["paste", "Waiting for the CLI's sign-in link"],
  ] as const) {
    const phases = phasesOf(steps, method);
    expect(phases.map(({ id }) => id)).toEqual(["machine", "cli", "sign-in", "save", "destroy"]);
    expect(phases.map(({ state }) => state)).toEqual(["done", "active", "open", "open", "open"]);
    expect(phases[1]?.detail).toBe(detail);
  }
});

it("a code ends the CLI's phase where a code is waited for, and a link where that is", () => {
  const done: Step[] = ["machine-created", "agent-ready", "cli-started"];
  const stateOf = (step: Step, method: "device" | "paste") => phasesOf(at([...done, step]), method)[1]?.state;
  expect(stateOf("code-found", "device")).toBe("done");
  expect(stateOf("url-found", "device")).toBe("active");
  expect(stateOf("url-found", "paste")).toBe("done");
  expect(stateOf("code-found", "paste")).toBe("active");
});

it("it is the person's turn from the code or the link until the CLI has ended", () => {
  const loginUrl = { url: "https://a.test/1", source: "printed" } as const;
  const deviceCode = { code: "ABCD-1234", url: "https://a.test/device" };
  const view = (method: SessionView["method"], more: Partial<SessionView>): SessionView => ({
    ...at(["machine-created", "agent-ready", "cli-started"]),
    sessionId: "ses_1",
    provider: "codex",
    method,
    state: "signing-in",
    epoch: 0,
    connection: "new",
    pasted: 0,
    ...more,
  });
  expect(isPersonsTurn(undefined)).toBe(false);
  expect(isPersonsTurn(view("device", {}))).toBe(false);
  expect(isPersonsTurn(view("device", { loginUrl }))).toBe(false);
  expect(isPersonsTurn(view("device", { deviceCode }))).toBe(true);
  expect(isPersonsTurn(view("paste", { loginUrl }))).toBe(true);
  expect(isPersonsTurn(view("paste", { loginUrl, state: "saving" }))).toBe(false);
  const ended = at(["cli-started", "cli-succeeded"]).steps;
  expect(isPersonsTurn(view("paste", { loginUrl, steps: ended }))).toBe(false);
});

it("a controller's clock that is behind makes no negative time", () => {
  const early = { createdAt: 5000, steps: at(["offer-stored", "machine-created", "agent-ready"]).steps };
  expect(phasesOf(early)[0]?.doneMs).toBe(0);
});

it("times are short to read", () => {
  expect([0, 412, 9_949, 9_950, 59_400, 60_000, 185_000].map(duration)).toEqual([
    "0.0 s",
    "0.4 s",
    "9.9 s",
    "10 s",
    "59 s",
    "1 min 00 s",
    "3 min 05 s",
  ]);
});
