import { afterEach, beforeEach, expect, it, vi } from "vitest";

const RUN = { runId: "run_1", provider: "codex", arguments: [], state: "queued", createdAt: 5 };
const HOLDER = { runId: "run_0", since: 3 };

let deadlines: number[];
let asked: Request[];
let answer: () => Promise<Response>;

beforeEach(() => {
  deadlines = [];
  asked = [];
  vi.stubGlobal("location", { origin: "http://a.test", hash: "" });
  vi.stubGlobal("innerWidth", 1280);
  vi.stubGlobal("innerHeight", 800);
  vi.stubGlobal("matchMedia", (query: string) => ({ matches: query.includes("dark") }));
  vi.stubGlobal("fetch", (request: Request) => {
    if (request.method !== "POST") return Promise.reject(new TypeError("not asked here"));
    asked.push(request);
    return answer();
  });
  const { timeout } = AbortSignal;
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    deadlines.push(ms);
    return timeout.call(AbortSignal, ms);
  });
  vi.resetModules();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** A fresh module, which calls what is stubbed. */
async function open(takeOver: boolean) {
  const runs = await import("./runs");
  const opened = await runs.openRun({ provider: "codex", arguments: ["exec", "a b"], takeOver });
  return { opened, list: runs.runs.snapshot() };
}

const json = (status: number, body: unknown) => async () =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
const problem = (type: string, more = {}) =>
  json(409, { type: `/problems/${type}`, title: "X", status: 409, detail: "What to do.", ...more });

it("a run is asked for with its arguments, a size and what it is drawn on, and is in the list at once", async () => {
  answer = json(201, RUN);
  const { opened, list } = await open(false);
  expect(opened).toEqual({ kind: "opened", runId: "run_1" });
  expect(list).toEqual([RUN]);
  const body = await asked[0]?.json();
  expect(body).toMatchObject({ provider: "codex", arguments: ["exec", "a b"], takeOver: false });
  expect(body.columns).toBeGreaterThan(80);
  expect(body.rows).toBeGreaterThan(24);
  expect(body.background).toBe("dark");
});

it("taking over has the time in which the other run ends, and an answer's besides", async () => {
  answer = json(201, RUN);
  await open(false);
  expect(deadlines[0]).toBe(10_000);
  deadlines = [];
  vi.resetModules();
  await open(true);
  expect(deadlines[0]).toBe(30_000);
  expect(await asked[1]?.json()).toMatchObject({ takeOver: true });
});

it("a credential in use is no failure, and says who has it where a run has", async () => {
  answer = problem("credential-in-use", { holder: HOLDER });
  expect((await open(false)).opened).toEqual({ kind: "in-use", detail: "What to do.", holder: HOLDER });
  answer = problem("credential-in-use");
  expect((await open(false)).opened).toEqual({ kind: "in-use", detail: "What to do.", holder: undefined });
});

it("any other refusal is told in the server's words", async () => {
  answer = problem("not-connected");
  expect((await open(true)).opened).toEqual({ kind: "failed", detail: "What to do." });
});

it("a take-over without an answer says that the other run may have stopped", async () => {
  answer = () => Promise.reject(new TypeError("Failed to fetch"));
  expect((await open(true)).opened).toMatchObject({
    detail: expect.stringContaining("may have been stopped"),
  });
  expect((await open(false)).opened).toEqual({ kind: "failed", detail: "The server can't be reached." });
});
