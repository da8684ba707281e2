// The mock controller's runs: in memory. A run is queued and starts when its caller says so, or at once; its terminal is real.

import { WebSocketServer } from "ws";
import { makeId, Refused } from "./sessions.mjs";
import { MockTerminal } from "./terminal.mjs";

/** Whose credentials change while they are used. */
const ROTATING = new Set(["claude-code", "codex"]);

export class Runs {
  all = new Map();
  /** A new run stays in this state until `advance`, while it is set. */
  staysIn = undefined;
  /** A run that ends stays in `saving` until `saved`, while it is set. */
  saves = false;
  /** What was asked for, newest last. */
  asked = [];
  /** Why the next run is refused. */
  refuses = undefined;
  #sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 });

  /** The newest run. */
  get newest() {
    return [...this.all.values()].at(-1);
  }

  answer({ method, path, body, response, signal }) {
    const [, id, rest] = /^\/api\/runs(?:\/([^/]+)(?:\/(.*))?)?$/.exec(path) ?? [];
    if (!id) return method === "POST" ? this.#start(body) : { body: { runs: this.#list() } };
    const run = this.all.get(id);
    if (!run) throw new Refused(404, "not-found", "There is no such run.");
    if (rest === "events") return follow(run, response, signal);
    if (method === "DELETE") {
      run.stop(BY_PERSON);
      return { body: run.view };
    }
    return { body: run.view };
  }

  /** Takes a WebSocket, and closes it with the reason when there is nothing to connect it to. */
  connect(request, socket, head, url, isSignedIn) {
    this.#sockets.handleUpgrade(request, socket, head, (page) => {
      const [, id] = /^\/api\/runs\/([^/]+)\/terminal$/.exec(url.pathname) ?? [];
      const run = this.all.get(id);
      if (!isSignedIn) return page.close(4401);
      if (!run) return page.close(4404);
      if (!run.terminal || run.view.state === "ended") return page.close(4410);
      const columns = Number(url.searchParams.get("columns"));
      const rows = Number(url.searchParams.get("rows"));
      run.terminal.connect(page, { columns, rows });
    });
  }

  /** As a network that breaks. */
  drop() {
    for (const page of this.#sockets.clients) page.terminate();
  }

  close() {
    this.drop();
    for (const run of this.all.values()) run.stop(BY_PERSON);
  }

  /** Who has the credential of a provider whose credentials rotate. */
  holder(provider) {
    const run = this.#holding(provider);
    return run && { runId: run.view.runId, since: run.view.createdAt };
  }

  refuseIfHeld(provider) {
    const holder = this.holder(provider);
    if (holder) throw new Refused(409, "credential-in-use", "Another run has this credential.", { holder });
  }

  #holding(provider) {
    if (!ROTATING.has(provider)) return undefined;
    return [...this.all.values()].find(({ view }) => view.provider === provider && view.state !== "ended");
  }

  async #start(body) {
    this.asked.push(body);
    if (this.refuses) throw this.refuses;
    const { provider, columns, rows } = body;
    const other = this.#holding(provider);
    if (!body.takeOver) this.refuseIfHeld(provider);
    other?.stop(TAKEN_OVER);
    await other?.over();
    if (this.refuses) throw this.refuses;
    const run = new MockRun(this, { provider, arguments: body.arguments ?? [] }, { columns, rows });
    this.all.set(run.view.runId, run);
    return { status: 201, body: run.view };
  }

  /** A run that finds out whether a connection works. */
  check(provider) {
    if (this.refuses) throw this.refuses;
    const run = new MockRun(this, { provider, arguments: [], check: true }, { columns: 80, rows: 24 });
    this.all.set(run.view.runId, run);
    return run.view;
  }

  #list() {
    return [...this.all.values()].map(({ view }) => view).reverse();
  }
}

const BY_PERSON = { code: "stopped-by-person", detail: "You stopped it." };
const TAKEN_OVER = { code: "taken-over", detail: "Another run was given the credential." };

class MockRun {
  terminal;
  #runs;
  #size;
  #waiters = new Set();
  #exitCode;
  /** Why it was stopped, where somebody did. */
  #stopped;

  constructor(runs, asked, size) {
    this.#runs = runs;
    this.#size = size;
    const { staysIn } = runs;
    this.view = {
      runId: makeId("ses_"),
      terminal: true,
      ...asked,
      state: staysIn ?? "queued",
      createdAt: Date.now(),
    };
    if (!staysIn) this.advance("running");
  }

  /** Goes to a state; into `running` with its terminal. */
  advance(state) {
    if (state === "running" && !this.terminal) {
      this.terminal = new MockTerminal(this.#size, (code) => this.#exited(code));
      this.view = { ...this.view, startedAt: Date.now() };
    }
    this.#set({ state });
  }

  stop(reason) {
    if (this.view.state === "ended") return;
    this.#stopped ??= reason;
    if (this.terminal) this.terminal.stop();
    else this.end(reason);
  }

  /** Ends it, also for a reason of the machine's or the server's. */
  end(reason, exitCode = undefined) {
    this.#set({ state: "ended", endedAt: Date.now(), reason, ...(exitCode !== undefined && { exitCode }) });
    this.terminal?.stop();
  }

  /** What the CLI has changed of its credential is saved. */
  saved() {
    const exited = { code: "exited", detail: `The CLI ended with exit code ${this.#exitCode}.` };
    if (this.#stopped) this.end(this.#stopped);
    else this.end(exited, this.#exitCode);
  }

  /** Once it has ended. */
  async over() {
    while (this.view.state !== "ended") await this.changed(new AbortController().signal);
  }

  #exited(exitCode) {
    if (this.view.state === "ended") return;
    this.#exitCode = exitCode;
    if (this.#runs.saves) this.#set({ state: "saving" });
    else this.saved();
  }

  #set(change) {
    this.view = { ...this.view, ...change };
    for (const wake of [...this.#waiters]) wake();
  }

  changed(signal) {
    return new Promise((done) => {
      const wake = () => {
        this.#waiters.delete(wake);
        signal.removeEventListener("abort", wake);
        done();
      };
      this.#waiters.add(wake);
      signal.addEventListener("abort", wake);
    });
  }
}

async function follow(run, response, signal) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  let told;
  while (!signal.aborted) {
    const { state, reason, exitCode } = run.view;
    if (state !== told)
      response.write(`data: ${JSON.stringify({ kind: "state", state, reason, exitCode })}\n\n`);
    told = state;
    if (state === "ended") return void response.end();
    await run.changed(signal);
  }
}
