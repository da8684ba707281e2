//! Listens whether a live connection lives: pings and their answers, and whatever else comes. It decides nothing; what is
//! missing for too long is a doubt, and `machine.ts` decides. Ends with its signal.

import { feel, type Pulse } from "./doubt";
import { FOLLOW_MS, LOOK_MS, PING_MS, PROBE_LOOK_MS } from "./limits";
import { isVisible } from "./network";

export interface HeartbeatOptions {
  /** Sends a ping, or says that it can't. */
  ping(id: number): boolean;
  /** A number that grows with whatever comes. */
  received(): Promise<number>;
  /** How long an event takes there and back. */
  onLatency(ms: number): void;
  onSilence(): void;
  signal: AbortSignal;
}

/** Pings whose answer may still count. */
const MAX_PINGS = 32;

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #sent = new Map<number, number>();
  #last = 0;
  #pulse: Pulse = { heardAt: Date.now(), received: undefined };
  #rttMs = 0;
  #followers: ReturnType<typeof setTimeout>[] = [];

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    const timers = [
      setInterval(() => isVisible() && this.#ping(), PING_MS),
      setInterval(() => void this.#look(), LOOK_MS),
    ];
    options.signal.addEventListener("abort", () => {
      timers.forEach(clearInterval);
      this.#followers.forEach(clearTimeout);
    });
    this.#ping();
  }

  /** Has something follow what was just sent, so that its loss is noticed soon. */
  follow(): void {
    this.#followers.forEach(clearTimeout);
    this.#followers = FOLLOW_MS.map((ms) => setTimeout(() => this.#ping(), ms));
  }

  /** An answer came. Returns the last round trip, milliseconds. */
  pong(id: number): number {
    const sent = this.#sent.get(id);
    this.#sent.delete(id);
    this.#pulse = { heardAt: Date.now(), received: undefined };
    if (sent === undefined) return this.#rttMs;
    this.#rttMs = performance.now() - sent;
    this.#options.onLatency(this.#rttMs);
    return this.#rttMs;
  }

  /** Asks at once, and says when anything comes. */
  async probe(onHeard: () => void, signal: AbortSignal): Promise<void> {
    const before = await this.#received();
    while (!signal.aborted && !this.#options.signal.aborted) {
      this.#ping();
      if ((await this.#received()) !== before) return onHeard();
      await new Promise((done) => setTimeout(done, PROBE_LOOK_MS));
    }
  }

  async #look(): Promise<void> {
    // The statistics are only asked for when an answer is late: each costs as much as a frame.
    if (isVisible() && Date.now() - this.#pulse.heardAt < PING_MS + LOOK_MS) return;
    const received = await this.#received();
    const sight = { now: Date.now(), received, visible: isVisible(), rttMs: this.#rttMs };
    const { pulse, isMissing } = feel(this.#pulse, sight);
    this.#pulse = pulse;
    if (isMissing && !this.#options.signal.aborted) this.#options.onSilence();
  }

  #ping(): void {
    this.#last = (this.#last + 1) % 0x1_0000_0000;
    // Those that were never answered are of no use any more.
    if (this.#sent.size > MAX_PINGS) this.#sent.clear();
    if (this.#options.ping(this.#last)) this.#sent.set(this.#last, performance.now());
  }

  #received(): Promise<number> {
    return this.#options.received().catch(() => this.#pulse.received ?? 0);
  }
}
