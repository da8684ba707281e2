import { afterEach, beforeEach, expect, it, vi } from "vitest";

const VALUE = "v".repeat(43);
const VIEW = { id: "tok_1", name: "ci", scopes: ["run"], createdAt: 1, expiresAt: 9 };
const WANTED = { name: "ci", scopes: ["run" as const], days: 30 };

let asked: Request[];
let answer: () => Promise<Response>;

beforeEach(() => {
  asked = [];
  vi.stubGlobal("location", { origin: "http://a.test", hash: "" });
  vi.stubGlobal("fetch", (request: Request) => {
    asked.push(request);
    return request.method === "GET" ? json(200, { tokens: [VIEW] })() : answer();
  });
  vi.resetModules();
});
afterEach(() => vi.unstubAllGlobals());

const json = (status: number, body: unknown) => async () =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
const problem = (status: number, more = {}) =>
  json(status, { type: "/problems/x", title: "X", status, detail: "What to do.", ...more });

/** A fresh module, which calls what is stubbed. */
const fresh = () => import("./tokens");
const wrongOf = async (wanted = WANTED) => (await (await fresh()).makeToken(wanted)) as { wrong: unknown };

it("a token is made with its name, scopes and days, and its value is in the answer alone", async () => {
  answer = json(201, { token: VALUE, view: VIEW });
  const { makeToken, tokens } = await fresh();
  expect(await makeToken(WANTED)).toEqual({ kind: "made", made: { token: VALUE, view: VIEW } });
  expect(await asked[0]?.json()).toEqual(WANTED);
  await vi.waitFor(() => expect(tokens.snapshot()).toEqual({ state: "loaded", tokens: [VIEW] }));
  expect(JSON.stringify(tokens.snapshot())).not.toContain(VALUE);
});

it("what the server would refuse is not sent", async () => {
  expect((await wrongOf({ ...WANTED, name: "" })).wrong).toMatchObject({ field: "name" });
  expect(asked).toEqual([]);
});

it("a refusal is told at its field, in the server's words", async () => {
  answer = problem(422, { field: "name" });
  expect((await wrongOf()).wrong).toEqual({ field: "name", detail: "What to do." });
});

it("without an answer a token may have been made, and that is said", async () => {
  answer = () => Promise.reject(new TypeError("Failed to fetch"));
  expect((await wrongOf()).wrong).toMatchObject({ detail: expect.stringContaining("revoke it") });
  expect(asked.at(-1)?.method).toBe("GET");
});

it("revoking a token that is gone already is no failure", async () => {
  const { revokeToken } = await fresh();
  answer = async () => new Response(null, { status: 204 });
  expect(await revokeToken("tok_1")).toBeUndefined();
  answer = problem(404);
  expect(await revokeToken("tok_1")).toBeUndefined();
  answer = problem(409);
  expect(await revokeToken("tok_1")).toBe("What to do.");
});
