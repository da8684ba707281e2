// The mock controller's sessions: in memory, without deciding much. It keeps the promises that the page relies on (one
// answer for each epoch, candidate logs with sequence numbers, events with ids) and lets its caller play the rest.

import { randomBytes } from "node:crypto";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const SIGN_IN_MS = 15 * 60 * 1000;
const ENDS = new Set(["succeeded", "failed", "cancelled", "timed-out"]);
const EPOCH_STEPS = new Set(["answer-stored", "ice-connected", "dtls-connected", "frame-decoded"]);

export function makeId(prefix) {
  return prefix + Array.from(randomBytes(26), (byte) => ALPHABET[byte & 31]).join("");
}

/** A refusal, as a problem document. */
export class Refused extends Error {
  constructor(status, name, detail, more = {}) {
    super(detail);
    this.problem = { type: `/problems/${name}`, title: name, status, detail, ...more };
  }
}

export class Session {
  #waiters = new Set();

  constructor(provider, method) {
    this.events = [];
    this.epochs = new Map();
    /** View-only connections by id, and their log as the machine reads it. */
    this.views = new Map();
    this.viewLog = [];
    /** There is no place for its machine. */
    this.waits = false;
    /** What its machine reaches, where machines are restricted. */
    this.hosts = undefined;
    /** The machine asks for views: it has something to show. */
    this.shows = false;
    /** What was brought back. */
    this.pastes = [];
    /** Why the next text that is brought back is refused. */
    this.refusesPaste = undefined;
    this.view = {
      sessionId: makeId("ses_"),
      provider,
      method,
      pasted: 0,
      state: "waiting-for-offer",
      epoch: 0,
      connection: "new",
      createdAt: Date.now(),
      steps: [],
    };
  }

  get id() {
    return this.view.sessionId;
  }

  get ended() {
    return ENDS.has(this.view.state);
  }

  offer(offer, candidates, after) {
    this.#refuseIfEnded();
    if (after !== undefined && after < this.view.epoch) {
      throw new Refused(409, "taken-over", "Another page has the desktop.", { epoch: this.view.epoch });
    }
    const epoch = this.view.epoch + 1;
    this.epochs.set(epoch, { offer, answer: undefined, browser: [], vm: [] });
    const steps = this.view.steps.filter(({ step }) => !EPOCH_STEPS.has(step));
    const { trouble: _, ...view } = this.view;
    this.view = { ...view, epoch, connection: "new", steps };
    this.#emit({ kind: "epoch", epoch });
    this.#append(epoch, "browser", candidates);
    if (epoch === 1) {
      this.step("offer-stored");
      this.begin();
    }
    return epoch;
  }

  /** Without a desktop there is no offer to wait for. */
  begin() {
    this.state(this.waits ? "queued" : "starting");
  }

  /** The CLI has printed a code. */
  code(code, url) {
    this.view = { ...this.view, deviceCode: { code, url } };
    this.step("code-found");
    this.#emit({ kind: "device-code", deviceCode: this.view.deviceCode });
  }

  paste(text) {
    this.#refuseIfEnded();
    if (this.refusesPaste) throw this.refusesPaste;
    this.pastes.push(text);
    const { pasteRefused: _, ...view } = this.view;
    this.view = { ...view, pasted: this.pastes.length };
    this.#emit({ kind: "pasted", count: this.pastes.length });
    return { status: 204 };
  }

  /** The machine can't use the last text. */
  strayPaste(detail) {
    this.view = { ...this.view, pasteRefused: detail };
    this.#emit({ kind: "paste-refused", detail });
  }

  refuseCancel() {
    this.#refuseIfEnded();
    if (this.view.state === "saving")
      throw new Refused(409, "saving", "The credential is being saved; there is nothing to cancel any more.");
  }

  answer(epoch, answer, candidates) {
    const entry = this.epoch(epoch);
    if (entry.answer)
      throw new Refused(409, "already-answered", "This epoch has an answer.", { epoch: this.view.epoch });
    entry.answer = answer;
    this.#append(epoch, "vm", candidates);
    this.step("answer-stored");
    this.#emit({ kind: "answer", epoch });
  }

  candidates(epoch, side, candidates) {
    this.#append(epoch, side, candidates);
  }

  report({ epoch, state }) {
    this.epoch(epoch);
    this.view = { ...this.view, connection: state };
    this.step(state);
  }

  step(step) {
    if (this.view.steps.some((reached) => reached.step === step)) return;
    this.view = { ...this.view, steps: [...this.view.steps, { step, at: Date.now() }] };
    this.#emit({ kind: "step", step });
  }

  state(state, reason) {
    if (this.ended) return;
    const ended = ENDS.has(state) ? { endedAt: Date.now(), reason } : {};
    const { ahead: _, deadlineAt: __, ...view } = this.view;
    const deadline = state === "signing-in" ? { deadlineAt: Date.now() + SIGN_IN_MS } : {};
    this.view = { ...view, state, ...ended, ...deadline };
    this.#emit({ kind: "state", state, ...(reason ? { reason } : {}) });
  }

  /** It waits for a place, with so many before it. */
  queue(ahead) {
    this.view = { ...this.view, ahead };
    this.#wake();
  }

  /** A stage of the present epoch takes too long. */
  trouble(trouble) {
    this.view = { ...this.view, trouble };
    this.#emit({ kind: "trouble", epoch: this.view.epoch, trouble });
  }

  /** The machine is restricted, and was refused these hosts. */
  refuse(...hosts) {
    const { refused, allowed } = this.hosts ?? { refused: [], allowed: [] };
    const more = hosts.map((host) => ({ host, at: Date.now() }));
    this.hosts = { restricted: true, refused: [...refused, ...more], allowed };
    this.#wake();
  }

  /** The person allows a host, or takes it back. */
  allow(host, isAllowed) {
    const refused = this.hosts.refused.filter((known) => known.host !== host);
    const allowed = this.hosts.allowed.filter((known) => known !== host);
    this.hosts = { restricted: true, refused, allowed: isAllowed ? [...allowed, host] : allowed };
    this.#wake();
    return this.hosts;
  }

  /** An entry of the log of views. */
  viewed(view, entry) {
    this.viewLog.push({ seq: this.viewLog.length + 1, view, ...entry });
    this.#wake();
  }

  url(url) {
    this.view = { ...this.view, loginUrl: { url, source: "shim" } };
    this.#emit({ kind: "url", loginUrl: this.view.loginUrl });
  }

  /** The current epoch, or why not. */
  epoch(number) {
    this.#refuseIfEnded();
    if (number !== this.view.epoch) {
      throw new Refused(409, "stale-epoch", "A newer offer took its place.", { epoch: this.view.epoch });
    }
    return this.epochs.get(number);
  }

  /** Waits until `look` gives something, or the time is over, or the caller is gone. */
  async until(look, seconds, signal) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const found = look();
      if (found !== undefined || Date.now() >= end || signal.aborted) return found;
      await this.change(end - Date.now(), signal);
    }
  }

  /** Resolves at the next change, after `ms`, or with `signal`. */
  change(ms, signal) {
    return new Promise((done) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        signal.removeEventListener("abort", wake);
        done();
      };
      const timer = setTimeout(wake, ms);
      this.#waiters.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  #append(epoch, side, candidates) {
    const log = this.epoch(epoch)[side];
    for (const candidate of candidates) log.push({ ...candidate, seq: log.length + 1 });
    this.#wake();
  }

  #refuseIfEnded() {
    if (this.ended) throw new Refused(410, "ended", "The session has ended.", { reason: this.view.reason });
  }

  #emit(event) {
    this.events.push({ id: this.events.length + 1, at: Date.now(), ...event });
    this.#wake();
  }

  #wake() {
    for (const wake of [...this.#waiters]) wake();
  }
}
