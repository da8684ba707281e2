import { expect, it } from "vitest";
import type { Problem, Scope } from "../api/types";
import { inWords, isIncluded, refusedAt, toSend, wrongWith } from "./scopes";

it("scopes are told as a sentence, from the least to the most", () => {
  expect(inWords(["read"])).toBe("Read");
  expect(inWords(["run", "connect"])).toBe("Connect and run");
  expect(inWords(["manage", "run", "connect"])).toBe("Connect, run, and manage");
});

it("a scope that this page does not know stands as it is", () => {
  expect(inWords(["audit" as Scope])).toBe("Audit");
});

it("what the others include is marked, and not sent", () => {
  expect(isIncluded("read", new Set<Scope>(["read"]))).toBe(false);
  expect(isIncluded("read", new Set<Scope>(["manage"]))).toBe(true);
  expect(isIncluded("run", new Set<Scope>(["run", "manage"]))).toBe(false);
  expect(toSend(new Set<Scope>(["read"]))).toEqual(["read"]);
  expect(toSend(new Set<Scope>(["run", "read", "connect"]))).toEqual(["connect", "run"]);
  expect(toSend(new Set())).toEqual([]);
});

it("a new token has a name of 1 to 64 characters, and a scope", () => {
  const whole = { name: "ci", scopes: ["run" as const], days: 30 };
  expect(wrongWith(whole)).toBeUndefined();
  expect(wrongWith({ ...whole, name: "🔑".repeat(64) })).toBeUndefined();
  expect(wrongWith({ ...whole, name: "🔑".repeat(65) })?.field).toBe("name");
  expect(wrongWith({ ...whole, name: "" })?.field).toBe("name");
  expect(wrongWith({ ...whole, scopes: [] })?.field).toBe("scopes");
});

it("a refusal stands at the field that it names, or at none", () => {
  const refusal = (field?: string): Problem => ({
    type: "/problems/invalid",
    title: "X",
    status: 422,
    detail: "Why.",
    ...(field && { field }),
  });
  expect(refusedAt(refusal("scopes[0]"))).toEqual({ field: "scopes", detail: "Why." });
  expect(refusedAt(refusal("days"))).toEqual({ field: "days", detail: "Why." });
  expect(refusedAt(refusal("other"))).toEqual({ field: undefined, detail: "Why." });
  expect(refusedAt(refusal())).toEqual({ field: undefined, detail: "Why." });
});
