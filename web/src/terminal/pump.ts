//! Carries output from the connection into the terminal: in pieces, within each frame's budget, in order with what is said
//! about the screen. It never drops what the terminal has to show.

import { AT_FIRST, advanced, allowance, type Flow, framed, measured, reconnected, telling } from "./flow";
import type { FromServer } from "./frames";
import { HIDDEN_FRAME_MS, MAX_WAITING_BYTES, PIECE_BYTES } from "./limits";

const NOTHING = new Uint8Array(0);

export type Words = Exclude<FromServer, { kind: "output" }>;

export interface PumpEvents {
  /** Parses a piece and calls back. */
  write: (piece: Uint8Array, parsed: () => void) => void;
  /** All output before it is parsed. */
  onWords: (words: Words) => void;
  acknowledge: (bytes: number) => void;
  /** The controller sends more than it may: the screen has to be asked for anew. */
  onFlood: () => void;
}

export class Pump {
  readonly #events: PumpEvents;
  #flow: Flow = AT_FIRST;
  #waiting: FromServer[] = [];
  #waitingBytes = 0;
  /** Handed over and not parsed yet. */
  #parsing = 0;
  /** What this frame may still hand over. */
  #left = allowance(AT_FIRST);
  /** What the terminal parses in the present task, after its first piece. */
  #task: { bytes: number; since: number; until: number } | undefined;
  /** When the last frame was, if output waits for the next. */
  #lastFrame: number | undefined;
  #frame: { handle: number; timer: ReturnType<typeof setTimeout> } | undefined;
  /** Grows with each connection: what an older one's output did is not counted for the newer. */
  #connection = 0;

  constructor(events: PumpEvents) {
    this.#events = events;
  }

  /** A connection has opened. What an older one left is drawn anew. */
  reconnected(): void {
    this.#connection += 1;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#flow = reconnected(this.#flow);
  }

  take(message: FromServer): void {
    if (message.kind === "screen") this.#skip();
    this.#waiting.push(message);
    if (message.kind === "output") this.#waitingBytes += message.bytes.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) return this.#events.onFlood();
    // What comes while nothing else does is not held back until the next frame: it is the echo of a key.
    this.#run();
    this.#plan();
  }

  stop(): void {
    this.#connection += 1;
    this.#waiting = [];
    this.#cancel();
  }

  /** The screen is drawn anew: what waits for the old one counts as parsed. */
  #skip(): void {
    this.#flow = advanced(this.#flow, this.#waitingBytes);
    this.#waiting = this.#waiting.filter(({ kind }) => kind !== "output");
    this.#waitingBytes = 0;
  }

  #run(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      if (next.kind === "output") {
        if (this.#left <= 0) return;
        this.#hand(next);
      } else {
        if (this.#parsing > 0) return;
        this.#waiting.shift();
        this.#events.onWords(next);
      }
    }
  }

  /** Hands over one piece of the first message. */
  #hand(message: { kind: "output"; bytes: Uint8Array }): void {
    const piece = message.bytes.subarray(0, PIECE_BYTES);
    const rest = message.bytes.subarray(piece.length);
    if (rest.length > 0) this.#waiting[0] = { kind: "output", bytes: rest };
    else this.#waiting.shift();
    this.#waitingBytes -= piece.length;
    this.#left -= piece.length;
    this.#parsing += piece.length;
    const connection = this.#connection;
    this.#events.write(piece, () => this.#parsed(piece.length, connection));
  }

  #parsed(bytes: number, connection: number): void {
    this.#parsing -= bytes;
    this.#clock(bytes);
    if (connection === this.#connection) this.#flow = advanced(this.#flow, bytes);
    if (this.#parsing === 0 && this.#waiting[0] && this.#waiting[0].kind !== "output") this.#run();
    this.#plan();
  }

  #tick(): void {
    this.#cancel();
    const now = performance.now();
    if (this.#lastFrame !== undefined) this.#flow = framed(this.#flow, now - this.#lastFrame);
    this.#lastFrame = this.#waiting.length > 0 ? now : undefined;
    const { flow, tell } = telling(this.#flow);
    this.#flow = flow;
    if (tell !== undefined) this.#events.acknowledge(tell);
    // A frame that came before the last one's output was parsed adds only what is missing.
    this.#left = allowance(this.#flow) - this.#parsing;
    // Parsing begins later than it is asked for, after this frame was drawn: only the terminal knows when.
    if (this.#parsing === 0 && this.#waiting[0]?.kind === "output")
      this.#events.write(NOTHING, () => this.#clock(0));
    this.#run();
    this.#plan();
  }

  /** The terminal parses several pieces in one task. What is between two tasks, drawing above all, is not counted. */
  #clock(bytes: number): void {
    const now = performance.now();
    if (this.#task) {
      this.#task.bytes += bytes;
      this.#task.until = now;
      return;
    }
    const task = { bytes: 0, since: now, until: now };
    this.#task = task;
    queueMicrotask(() => {
      this.#task = undefined;
      this.#flow = measured(this.#flow, task.bytes, task.until - task.since);
    });
  }

  /** A next frame, as long as there is something to do in it. */
  #plan(): void {
    const isIdle = this.#waiting.length === 0 && this.#parsing === 0 && this.#flow.done === this.#flow.told;
    if (this.#frame || isIdle) return;
    const tick = () => this.#tick();
    this.#frame = { handle: requestAnimationFrame(tick), timer: setTimeout(tick, HIDDEN_FRAME_MS) };
  }

  #cancel(): void {
    if (!this.#frame) return;
    cancelAnimationFrame(this.#frame.handle);
    clearTimeout(this.#frame.timer);
    this.#frame = undefined;
  }
}
