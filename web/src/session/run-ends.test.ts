import { expect, it } from "vitest";
import type { RunReasonCode } from "../api/types";
import { runEnded } from "./run-ends";

const because = (code: RunReasonCode) => runEnded({ reason: { code, detail: "This one." } }, "Codex");

it("an end by itself is told with its exit code, and is good when that is 0", () => {
  const reason = { code: "exited" as const, detail: "It ended with exit code 130." };
  expect(runEnded({ exitCode: 0, reason }, "Codex")).toMatchObject({
    title: "Codex has ended",
    tone: "good",
  });
  expect(runEnded({ exitCode: 130, reason }, "Codex")).toMatchObject({
    title: "Codex ended with exit code 130",
    word: "Exit code 130",
    tone: "bad",
    detail: undefined,
  });
});

it("an exit code does not hide why a run was ended", () => {
  const reason = { code: "taken-over" as const, detail: "" };
  expect(runEnded({ exitCode: 143, reason }, "Codex").title).toBe("Another run took over");
});

it("what somebody wanted, or nobody used, is no failure", () => {
  const tones = (["stopped-by-person", "taken-over", "idle"] as const).map((code) => because(code).tone);
  expect(new Set(tones)).toEqual(new Set(["plain"]));
});

it("what went wrong is told with what the server knows of it", () => {
  expect(because("machine-lost")).toMatchObject({ tone: "bad", detail: "This one." });
  expect(because("idle").detail).toBeUndefined();
});
