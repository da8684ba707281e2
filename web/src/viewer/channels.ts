//! The two data channels of one connection: what goes out, and how much may wait. Losing a position is fine, the next
//! one replaces it; losing a key's release is not, so after an overflow everything held is released.

import * as limits from "./limits";
import { type FromGuest, INPUT_CHANNEL, type Input, MOTION_CHANNEL, parseFromGuest } from "./messages";

export class Channels {
  readonly #input: RTCDataChannel;
  readonly #motion: RTCDataChannel;
  #seq = 0;
  #overflowed = false;

  /** Both are in the first offer, so that there is never a picture without an input (failure 16). */
  constructor(connection: RTCPeerConnection, onMessage: (message: FromGuest) => void, onClose: () => void) {
    this.#input = connection.createDataChannel(INPUT_CHANNEL, { ordered: true });
    this.#motion = connection.createDataChannel(MOTION_CHANNEL, { ordered: false, maxRetransmits: 0 });
    this.#input.bufferedAmountLowThreshold = limits.MAX_INPUT_BUFFER_BYTES / 4;
    this.#input.addEventListener("message", (event) => {
      const message = parseFromGuest(event.data);
      if (message) onMessage(message);
    });
    this.#input.addEventListener("close", onClose);
    this.#input.addEventListener("bufferedamountlow", () => this.#drained());
  }

  /** Sends, or says that it could not. */
  send(message: Input): boolean {
    if (this.#input.readyState !== "open" || this.#overflowed) return false;
    if (this.#input.bufferedAmount > limits.MAX_INPUT_BUFFER_BYTES) {
      this.#overflowed = true;
      return false;
    }
    this.#input.send(JSON.stringify(message));
    return true;
  }

  /** Sends a position; says no when older ones still wait, and the caller keeps the newest. */
  move(x: number, y: number): boolean {
    const channel = this.#motion;
    if (channel.readyState !== "open" || channel.bufferedAmount > limits.MAX_MOTION_BUFFER_BYTES)
      return false;
    this.#seq += 1;
    channel.send(JSON.stringify({ seq: this.#seq, x, y }));
    return true;
  }

  #drained(): void {
    if (!this.#overflowed) return;
    this.#overflowed = false;
    this.send({ t: "release" });
  }
}
