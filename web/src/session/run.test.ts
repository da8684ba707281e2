import { expect, it } from "vitest";
import type { RunView } from "../api/types";
import { commandLine, hasTerminal, heard, isWithoutTerminal, newer, runPhases } from "./run";

const view: RunView = {
  runId: "run_1",
  provider: "codex",
  arguments: [],
  terminal: true,
  state: "starting",
  createdAt: 5,
};

it("an event moves a run on and never back", () => {
  const running = heard(view, { kind: "state", state: "running" });
  expect(running.state).toBe("running");
  expect(heard(running, { kind: "state", state: "queued" })).toBe(running);
  expect(heard(running, { kind: "state", state: "ended", exitCode: 0 })).toEqual({
    ...running,
    state: "ended",
    exitCode: 0,
  });
});

it("a view that was asked for before an event came does not undo it", () => {
  const ended: RunView = { ...view, state: "ended", exitCode: 1 };
  expect(newer(ended, view)).toBe(ended);
  expect(newer(view, ended)).toBe(ended);
  expect(newer(ended, { ...ended, endedAt: 9 }).endedAt).toBe(9);
});

it("there is a terminal while the CLI runs and while its credential is saved", () => {
  const states = (["queued", "starting", "running", "saving", "ended"] as const).filter((state) =>
    hasTerminal({ ...view, state }),
  );
  expect(states).toEqual(["running", "saving"]);
  expect(hasTerminal({ ...view, terminal: false, state: "running" })).toBe(false);
});

it("a run for a program, and a check, have nothing to show while they go on", () => {
  for (const one of [
    { ...view, terminal: false },
    { ...view, check: true },
  ]) {
    expect(hasTerminal({ ...one, state: "running" })).toBe(false);
    const states = (["queued", "starting", "running", "saving", "ended"] as const).filter((state) =>
      isWithoutTerminal({ ...one, state }),
    );
    expect(states).toEqual(["running", "saving"]);
  }
  expect(isWithoutTerminal({ ...view, state: "running" })).toBe(false);
});

it("each phase has its place from the beginning, and one of them is what is being waited for", () => {
  const stands = (state?: RunView["state"]) =>
    runPhases(state && { ...view, state })
      .map(({ state: each }) => each)
      .join(" ");
  expect(stands()).toBe("open open open");
  expect(stands("queued")).toBe("active open open");
  expect(stands("starting")).toBe("done active open");
  expect(stands("running")).toBe("done done active");
});

it("arguments are told as a person would have typed them", () => {
  expect(commandLine(["exec", "--json", "fix it", "don't", ""])).toBe("exec --json 'fix it' 'don'\\''t' ''");
});
