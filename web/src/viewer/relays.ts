//! The relays for one page's next connection: asked for ahead of time, so that no offer waits for a call. A call that fails
//! means no relay, and is no error in anybody's way. It opens no connection.

import type { Outcome } from "../api/client";
import type { IceServers } from "../api/types";
import * as limits from "./limits";
import { askRelays } from "./signaling";

type Ask = () => Promise<Outcome<IceServers>>;

/** How long relays are held that end at `expiresAt`. */
export function holdMs(expiresAt: number | null | undefined, now: number): number {
  const { least, most } = limits.RELAYS_HOLD_MS;
  if (expiresAt === undefined || expiresAt === null) return most;
  return Math.min(Math.max(expiresAt - limits.RELAYS_MARGIN_MS - now, least), most);
}

export class Relays {
  readonly #ask: Ask;
  readonly #now: () => number;
  #known: { relays: IceServers; until: number } | undefined;
  #asking: Promise<void> | undefined;

  /** Those of a session, or without one, those for the click that will make it. */
  constructor(sessionId?: string, ask: Ask = () => askRelays(sessionId), now: () => number = Date.now) {
    this.#ask = ask;
    this.#now = now;
  }

  /** What is known now and still good. */
  known(): IceServers | undefined {
    return this.#known && this.#now() < this.#known.until ? this.#known.relays : undefined;
  }

  /** Takes what is known away: a ticket is for one click. The next is asked for at once. */
  take(): IceServers | undefined {
    const known = this.known();
    this.#known = undefined;
    void this.refresh();
    return known;
  }

  /** Asks, unless a call is under way already. Ends when it is answered or has failed. */
  refresh(): Promise<void> {
    this.#asking ??= this.#fetch().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** When to ask again, from now. */
  get dueMs(): number {
    return this.#known && this.known() ? this.#known.until - this.#now() : limits.RELAYS_AGAIN_MS;
  }

  /** Known relays at once; others as soon as the call allows, or not at all. */
  async soon(): Promise<RTCIceServer[]> {
    if (!this.known()) await Promise.race([this.refresh(), pause(limits.RELAYS_WAIT_MS)]);
    return toRtc(this.known());
  }

  async #fetch(): Promise<void> {
    const got = await this.#ask();
    if (got.kind !== "ok") return;
    const now = this.#now();
    this.#known = { relays: got.value, until: now + holdMs(got.value.expiresAt, now) };
  }
}

/** As `RTCPeerConnection` takes them. */
export function toRtc(relays: IceServers | undefined): RTCIceServer[] {
  return (relays?.iceServers ?? []).map(({ urls, username, credential }) => ({
    urls,
    ...(username ? { username } : {}),
    ...(credential ? { credential } : {}),
  }));
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
