import { afterEach, beforeEach, expect, it, vi } from "vitest";

const VIEW = { id: "cre_1", provider: "codex", version: 4, connectedAt: 1, connectedBy: "Ada", savedAt: 9 };
const HOLDER = { runId: "ses_0", since: 3 };

let asked: Request[];
let answer: () => Promise<Response>;

beforeEach(() => {
  asked = [];
  vi.stubGlobal("location", { origin: "http://a.test", hash: "" });
  vi.stubGlobal("fetch", (request: Request) => {
    asked.push(request);
    return request.url.includes("/cre_1/") ? answer() : Promise.reject(new TypeError("not asked here"));
  });
  vi.resetModules();
});
afterEach(() => vi.unstubAllGlobals());

const json = (status: number, body: unknown) => async () =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
const problem = (more = {}) =>
  json(409, { type: "/problems/x", title: "X", status: 409, detail: "What to do.", ...more });

/** A fresh module, which calls what is stubbed. */
async function restore() {
  const { restoreVersion } = await import("./versions");
  return restoreVersion("cre_1", 2);
}

it("restoring names the older version, is told the new one's number, and the cards are asked for anew", async () => {
  answer = json(200, VIEW);
  expect(await restore()).toEqual({ kind: "restored", version: 4 });
  expect(asked[0]?.url).toBe("http://a.test/api/credentials/cre_1/restore");
  expect(await asked[0]?.json()).toEqual({ version: 2 });
  expect(asked.map(({ url }) => new URL(url).pathname)).toContain("/api/providers");
});

it("a run that holds the credential is named; any other refusal is told in the server's words", async () => {
  answer = problem({ holder: HOLDER });
  expect(await restore()).toEqual({ kind: "in-use", holder: HOLDER });
  answer = problem({ holder: null });
  expect(await restore()).toEqual({ kind: "failed", detail: "What to do." });
});

it("versions are told newest first, or why they can't be", async () => {
  const { versionsOf } = await import("./versions");
  const { signal } = new AbortController();
  const versions = [{ version: 2, savedAt: 5, origin: "run", isCurrent: true }];
  answer = json(200, { versions });
  expect(await versionsOf("cre_1", signal)).toEqual(versions);
  answer = () => Promise.reject(new TypeError("Failed to fetch"));
  expect(await versionsOf("cre_1", signal)).toBe("The server can't be reached.");
});
