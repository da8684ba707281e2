import { afterEach, expect, it } from "vitest";
import { onSignedOut, outcome } from "./client";

const problem = (status: number, type = "/problems/x") => ({ type, title: "X", status, detail: "What to do." });

/** A call that was answered so. */
async function answered(status: number, error?: unknown) {
  const response = Object.defineProperty(new Response(null, { status }), "url", { value: "http://a.test/api/x" });
  return outcome(Promise.resolve({ error, response }));
}

let forget = () => {};
afterEach(() => forget());

it("a refusal is a value with its problem", async () => {
  expect(await answered(422, problem(422))).toEqual({ kind: "problem", problem: problem(422) });
});

it("a controller that can't now is asked again, a full house is told to the person", async () => {
  expect((await answered(503, problem(503, "/problems/unavailable"))).kind).toBe("unreachable");
  expect((await answered(503, problem(503, "/problems/no-capacity"))).kind).toBe("problem");
});

it("an error page of something in between is no word of the controller", async () => {
  for (const error of ["<html>", undefined, { message: "x" }, { type: 1, title: "X", status: 502, detail: "x" }]) {
    expect((await answered(502, error)).kind).toBe("unreachable");
  }
});

it("a call that never arrived is unreachable", async () => {
  expect(await outcome(Promise.reject(new TypeError("Failed to fetch")))).toEqual({
    kind: "unreachable",
    detail: "Failed to fetch",
  });
});

it("whoever wants to know hears when access is gone", async () => {
  let heard = 0;
  forget = onSignedOut(() => {
    heard += 1;
  });
  await answered(401, problem(401));
  await answered(404, problem(404));
  expect(heard).toBe(1);
});
