import { expect, it } from "vitest";
import type { Step } from "../api/types";
import { duration, phasesOf } from "./phases";

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
