import { expect, it } from "vitest";
import type { ReasonCode } from "../api/types";
import { explained } from "./reasons";

/** Why a sign-in without a desktop can end. */
const LIGHT = [
  "saved",
  "cancelled-by-person",
  "stopped-by-administrator",
  "machine-timeout",
  "machine-failed",
  "machine-lost",
  "agent-timeout",
  "cli-not-started",
  "cli-failed",
  "credential-missing",
  "credential-invalid",
  "sign-in-timeout",
  "no-capacity",
] as const satisfies ReasonCode[];

it.each(LIGHT)("%s says nothing of a desktop where there was none", (code) => {
  for (const method of ["device", "paste"] as const) {
    const { title, remedy } = explained(code, method);
    expect(`${title} ${remedy}`).not.toMatch(/desktop|offer|picture|connection/i);
  }
});

it("a code that has run out and a link that has are each called by their name", () => {
  expect(explained("sign-in-timeout", "device").remedy).toContain("code");
  expect(explained("sign-in-timeout", "paste").remedy).toContain("link");
  expect(explained("sign-in-timeout", "desktop").remedy).not.toMatch(/code|link/);
});
