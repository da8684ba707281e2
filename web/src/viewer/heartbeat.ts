//! Listens whether a live connection lives: pings and their answers, and whatever else comes. It decides nothing; what is
//! missing for too long is a doubt, and `machine.ts` decides. Ends with its signal.

import { feel, type Pulse } from "./doubt";
import { PING_MS, PROBE_LOOK_MS } from "./limits";
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
const MAX_PINGS = 10;

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #sent = new Map<number, number>();
  #last = 0;
  #pulse: Pulse = { heardAt: Date.now(), received: 0 };

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    const timer = setInterval(() => void this.#beat(), PING_MS);
    options.signal.addEventListener("abort", () => clearInterval(timer));
    this.#ping();
  }

  /** An answer came. */
  pong(id: number): void {
    const sent = this.#sent.get(id);
    this.#sent.delete(id);
    if (sent !== undefined) this.#options.onLatency(performance.now() - sent);
  }

  /** Asks at once, and says when anything comes. */
  async probe(onHeard: () => void, signal: AbortSignal): Promise<void> {
    const before = await this.#received();
    this.#ping();
    while (!signal.aborted && !this.#options.signal.aborted) {
      if ((await this.#received()) !== before) return onHeard();
      await new Promise((done) => setTimeout(done, PROBE_LOOK_MS));
    }
  }

  async #beat(): Promise<void> {
    if (isVisible()) this.#ping();
    const received = await this.#received();
    const { pulse, isMissing } = feel(this.#pulse, { now: Date.now(), received, visible: isVisible() });
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
    return this.#options.received().catch(() => this.#pulse.received);
  }
}
