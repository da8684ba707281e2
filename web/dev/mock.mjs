// A controller for trying the page without one: the real HTTP contract over `sessions.mjs`, and the built page. A second
// browser page (`guest.html`) plays the machine. Loopback only; for tests and for work on the page.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { Runs } from "./runs.mjs";
import { makeId, Refused, Session } from "./sessions.mjs";
import { signal as signaling } from "./signaling.mjs";
import { Tokens } from "./tokens.mjs";
import { Versions } from "./versions.mjs";
import { whep } from "./whep.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const MAX_BODY_BYTES = 256 * 1024;
const ME = { id: makeId("usr_"), name: "Ada" };

const PROVIDERS = [
  [
    "claude-code",
    "Claude Code",
    "Anthropic",
    "Anthropic's coding agent for the terminal, with your Claude plan.",
    ["desktop", "paste"],
    true,
  ],
  [
    "codex",
    "Codex",
    "OpenAI",
    "OpenAI's coding agent for the terminal, with your ChatGPT plan.",
    ["desktop", "device", "paste"],
    true,
  ],
  [
    "wrangler",
    "Wrangler",
    "Cloudflare",
    "Cloudflare's command line for Workers, Pages, R2 and D1.",
    ["desktop"],
    false,
  ],
  ["github-cli", "GitHub CLI", "GitHub", "GitHub's command line.", ["device", "desktop"], true],
].map(([id, name, vendor, description, methods, runnable]) => ({
  id,
  name,
  vendor,
  description,
  methods,
  runnable,
}));

export class Mock {
  sessions = new Map();
  credentials = new Map();
  /** What each provider's last sign-in took. */
  chosen = new Map();
  token = makeId("");
  /** Answers with 503 while it is set: a controller that restarts. */
  down = false;
  /** As a proxy that buffers. */
  holdsStreamsBack = false;
  /** How many calls got that. */
  refused = 0;
  /**
   * What `/api/webrtc/ice-servers` says; nothing while it fails. A ticket comes with it where no session is named.
   * @type {any}
   */
  relays = { iceServers: [] };
  /** How long that call takes. */
  relaysMs = 0;
  /**
   * The tickets that were sent with a click.
   * @type {string[]}
   */
  tickets = [];
  /**
   * What `/api/connection` says; nothing while it is not there.
   * @type {any}
   */
  connection = undefined;
  /**
   * What `/api/machines` lists, and what each machine wrote, by its id.
   * @type {{ machines: any[], failed: any[], logs: Record<string, string> }}
   */
  machines = { machines: [], failed: [], logs: {} };
  /**
   * A new session waits for a place behind so many, while it is set.
   * @type {number | undefined}
   */
  ahead = undefined;
  /** The remote CLIs, and their terminals. */
  runs = new Runs();
  /** The personal tokens. */
  tokens = new Tokens();
  /** What was kept of each credential. */
  versions = new Versions();
  /** Called with each new session. */
  onSession = () => {};
  /** Where it listens, once it does. */
  origin = "";
  link = "";
  #keys = new Map();
  #server;

  constructor({ dist }) {
    this.dist = dist;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  async listen(port = 0) {
    await new Promise((done) => this.#server.listen(port, "127.0.0.1", done));
    this.origin = `http://127.0.0.1:${this.#server.address().port}`;
    this.link = `${this.origin}/?token=${this.token}`;
    return this;
  }

  /** As a controller's end does: every open call and stream breaks. */
  dropConnections() {
    this.#server.closeAllConnections();
    this.runs.drop();
  }

  async close() {
    this.dropConnections();
    this.runs.close();
    await new Promise((done) => this.#server.close(done));
  }

  /** The newest session. */
  get session() {
    return [...this.sessions.values()].at(-1);
  }

  connected(provider, account, daysAgo = 0) {
    const connectedAt = Date.now() - daysAgo * 86_400_000;
    const id = makeId("cre_");
    this.credentials.set(provider, { id, account, connectedAt, connectedBy: ME.name, provider });
    this.versions.save(id, { savedAt: connectedAt, account, origin: "sign-in" });
  }

  /** Its tool can be asked whether a provider's credential works. */
  checkable(provider) {
    this.credentials.set(provider, { ...this.credentials.get(provider), checkable: true });
  }

  /** What is known of whether a provider's credential still works. */
  healthOf(provider, health, healthDetail, expiresAt) {
    const told = { health, ...(healthDetail && { healthDetail }), ...(expiresAt && { expiresAt }) };
    this.credentials.set(provider, { ...this.credentials.get(provider), ...told });
  }

  async #serve(request, response) {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const url = new URL(request.url, this.origin);
    try {
      if (this.down) {
        this.refused += 1;
        return send(response, 503, "text/plain", "restarting");
      }
      const body = await readBody(request);
      const result = await this.#answer(request, url, body, response, gone.signal);
      if (result?.text !== undefined) response.writeHead(result.status, result.headers).end(result.text);
      else if (result?.status === 204) response.writeHead(204).end();
      else if (result) sendJson(response, result.status ?? 200, result.body);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      for (const [name, value] of Object.entries(error.headers ?? {})) response.setHeader(name, value);
      send(response, error.problem.status, "application/problem+json", JSON.stringify(error.problem));
    }
  }

  #upgrade(request, socket, head) {
    if (this.down) {
      this.refused += 1;
      return socket.destroy();
    }
    this.runs.connect(request, socket, head, new URL(request.url, this.origin), this.#isPerson(request));
  }

  #isPerson({ headers }) {
    return headers.cookie?.includes(`anteroom=${this.token}`) ?? false;
  }

  #answer(request, url, body, response, signal) {
    if (url.pathname.startsWith("/mock/"))
      return this.#static(HERE, url.pathname.slice("/mock".length), response);
    if (url.searchParams.has("token")) return this.#enter(url, response);
    if (!url.pathname.startsWith("/api/")) return this.#static(this.dist, url.pathname, response);
    const isGuest = request.headers.authorization === "Bearer guest";
    if (!isGuest && !this.#isPerson(request)) {
      throw new Refused(401, "no-access", "Open the page with a link that `anteroom link` prints.");
    }
    return this.#api({
      method: request.method,
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      isGuest,
      body,
      response,
      signal,
    });
  }

  #enter(url, response) {
    if (url.searchParams.get("token") !== this.token)
      throw new Refused(401, "no-access", "This link is used or too old.");
    response.setHeader("Set-Cookie", `anteroom=${this.token}; HttpOnly; SameSite=Strict; Path=/`);
    response.writeHead(303, { Location: "/" }).end();
  }

  async #static(root, path, response) {
    const file = normalize(join(root, path === "/" ? "index.html" : path));
    if (!file.startsWith(normalize(root))) throw new Refused(404, "not-found", "No such file.");
    const content = await readFile(file).catch(() => undefined);
    if (!content) throw new Refused(404, "not-found", "No such file.");
    response.setHeader(
      "Content-Security-Policy",
      "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    send(response, 200, TYPES[extname(file)] ?? "application/octet-stream", content);
  }

  #api(call) {
    const { method, path } = call;
    if (path === "/api/me") return { body: { user: ME } };
    if (path === "/api/providers")
      return { body: { providers: PROVIDERS.map((provider) => this.#provider(provider)) } };
    if (path === "/api/credentials")
      return {
        body: { credentials: [...this.credentials.keys()].map((provider) => this.#credential(provider)) },
      };
    if (path === "/api/vm/auth" && method === "POST") return this.#start(call);
    if (path === "/api/webrtc/ice-servers") return this.#relays(call);
    if (path === "/api/connection" && this.connection) return { body: this.connection };
    if (path.startsWith("/api/machines")) return this.#machines(call);
    if (path.startsWith("/api/runs")) return this.runs.answer(call);
    if (path.startsWith("/api/tokens")) return this.tokens.answer(call);
    if (path === "/api/connection/events") return hello(call, this.holdsStreamsBack);
    const [, noun, id, rest] =
      /^\/api\/(credentials|session|webrtc\/session)\/([^/]+)(?:\/(.*))?$/.exec(path) ?? [];
    if (noun === "credentials") return this.#credentialCall(id, rest, call);
    const session = this.sessions.get(id);
    if (!session) throw new Refused(404, "not-found", "There is no such session.");
    if (noun === "webrtc/session") return signaling(session, rest, call);
    if (rest === "events") return stream(session, call);
    if (rest === "hosts" && session.hosts)
      return { body: session.allow(call.body?.host ?? call.query.get("host"), method === "POST") };
    if (rest?.startsWith("whep")) return whep(session, rest.split("/")[1], call);
    if (rest === "paste") return session.paste(call.body.text);
    if (method === "DELETE") {
      session.refuseCancel();
      session.state("cancelled", { code: "cancelled-by-person", detail: "The person cancelled." });
      session.step("machine-destroyed");
    }
    return { body: session.view };
  }

  #provider(provider) {
    const active = [...this.sessions.values()].find(
      ({ view, ended }) => view.provider === provider.id && !ended,
    );
    const credential = this.#credential(provider.id);
    const method = this.chosen.get(provider.id) ?? provider.methods[0];
    return {
      ...provider,
      method,
      ...(credential && { credential }),
      ...(active && { session: active.view }),
    };
  }

  #credential(provider) {
    const credential = this.credentials.get(provider);
    const holder = this.runs.holder(provider);
    if (!credential) return undefined;
    const { version, savedAt } = this.versions.current(credential.id);
    return { ...credential, version, savedAt, ...(holder && { holder }) };
  }

  #start({ headers, body }) {
    const key = headers["idempotency-key"];
    if (!key) throw new Refused(400, "bad-request", "The header Idempotency-Key is missing.");
    let session = this.#keys.get(key);
    if (!session) {
      if (!PROVIDERS.some(({ id }) => id === body.provider))
        throw new Refused(422, "unknown-provider", "No such provider.", { field: "provider" });
      session = new Session(body.provider, body.method);
      this.chosen.set(body.provider, body.method);
      this.#keys.set(key, session);
      this.sessions.set(session.id, session);
      session.waits = this.ahead !== undefined;
      if (body.method === "desktop") session.offer(body.webrtcOffer.offer, body.webrtcOffer.candidates);
      else session.begin();
      if (body.relayTicket) this.tickets.push(body.relayTicket);
      if (this.ahead !== undefined) session.queue(this.ahead);
      this.onSession(session);
    }
    return {
      status: 201,
      body: { sessionId: session.id, epoch: session.view.epoch, state: session.view.state },
    };
  }

  #machines({ path }) {
    const { machines, failed, logs } = this.machines;
    const [, id, rest] = /^\/api\/machines\/([^/]+)(?:\/(.*))?$/.exec(path) ?? [];
    if (!id) return { body: { machines, more: false, max: 8, memoryLimitBytes: 2 ** 31, failed } };
    const present = machines.find((machine) => machine.id === id);
    const kept = failed.find((machine) => machine.id === id);
    if (!present && !kept) throw new Refused(404, "not-found", "There is no such machine, and no log of it.");
    if (rest === "logs") return { body: { log: logs[id] ?? "", ...(kept && { failed: kept }) } };
    if (present) present.state = "ending";
    else this.machines.failed = failed.filter((machine) => machine !== kept);
    return { status: 204 };
  }

  async #relays({ query, signal }) {
    const { relays } = this;
    await new Promise((done) => {
      const timer = setTimeout(done, this.relaysMs);
      signal.addEventListener("abort", () => done(clearTimeout(timer)));
    });
    if (!relays) throw new Refused(503, "unavailable", "No relays now.");
    return { body: query.has("session") ? relays : { ...relays, ticket: makeId("tic_") } };
  }

  #credentialCall(id, rest, { body }) {
    const credential = [...this.credentials.values()].find((known) => known.id === id);
    if (!credential) throw new Refused(404, "not-found", "There is no such credential.");
    const { provider } = credential;
    if (rest === "versions") return { body: { versions: this.versions.of(id) } };
    if (rest === "check") return { status: 201, body: this.runs.check(provider) };
    if (rest === "restore") {
      this.runs.refuseIfHeld(provider);
      this.versions.restore(id, body.version);
      return { body: this.#credential(provider) };
    }
    this.credentials.delete(provider);
    return { status: 204 };
  }
}

/** A stream whose first event comes at once, so that a page can tell whether something on the way holds it back. */
async function hello({ response }, isHeldBack) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  if (isHeldBack) response.flushHeaders();
  else response.write("data: {}\n\n");
}

async function stream(session, { headers, response, signal }) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  let last = Number(headers["last-event-id"] ?? 0);
  let told;
  let toldHosts;
  while (!signal.aborted) {
    for (const event of session.events.slice(last))
      response.write(`id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`);
    last = session.events.length;
    const { ahead } = session.view;
    if (ahead !== told && ahead !== undefined)
      response.write(`event: place\ndata: ${JSON.stringify({ ahead })}\n\n`);
    told = ahead;
    if (session.hosts !== toldHosts)
      response.write(`event: hosts\ndata: ${JSON.stringify(session.hosts)}\n\n`);
    toldHosts = session.hosts;
    await session.change(15_000, signal);
  }
}

async function readBody(request) {
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > MAX_BODY_BYTES) throw new Refused(413, "too-large", "The body is too large.");
  }
  const isJson = request.headers["content-type"]?.startsWith("application/json");
  return text && isJson ? JSON.parse(text) : text || undefined;
}

function sendJson(response, status, body) {
  send(response, status, "application/json", JSON.stringify(body));
}

function send(response, status, type, content) {
  response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store" }).end(content);
}
