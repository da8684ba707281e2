import { expect, it } from "vitest";
import type { Credential } from "../api/types";
import { healthOf } from "./health";

const NOW = 1_000_000_000_000;
const DAY = 86_400_000;

it("a connection of which nothing is said, or something that is not known here, is connected", () => {
  const connected = { at: "connected", tone: "good", word: "Connected", detail: undefined };
  expect(healthOf({ health: "connected" }, NOW)).toEqual(connected);
  expect(healthOf({ health: "connected", expiresAt: NOW + 900 * DAY }, NOW)).toEqual(connected);
  const unheard = "being-checked" as unknown as NonNullable<Credential["health"]>;
  expect(healthOf({ health: unheard, healthDetail: "Wait." }, NOW)).toEqual(connected);
});

it("one that expires says when, or soon where nobody knows", () => {
  const expiring = { health: "expiring" } as const;
  expect(healthOf({ ...expiring, expiresAt: NOW + 3 * DAY }, NOW)).toMatchObject({
    word: "Expires in 3 days",
  });
  expect(healthOf(expiring, NOW)).toMatchObject({ word: "Expires soon", detail: undefined });
  expect(healthOf({ ...expiring, expiresAt: NOW - 1 }, NOW)).toMatchObject({ word: "Expires soon" });
});

it("one that needs a sign-in says why, in the server's words where it has some", () => {
  const needs = { health: "needs-sign-in" } as const;
  expect(healthOf({ ...needs, healthDetail: "The provider refused it." }, NOW)).toEqual({
    at: "needs-sign-in",
    tone: "bad",
    word: "Needs sign-in",
    detail: "The provider refused it.",
  });
  expect(healthOf(needs, NOW)).toMatchObject({ detail: expect.stringContaining("Sign in again") });
});
