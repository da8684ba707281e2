//! The connection of a run's terminal. It comes back by itself until the run is over, and keeps what is typed meanwhile.
//! It knows no terminal and draws nothing.

import { listenForDoubts } from "../viewer/network";
import { acknowledged, type FromServer, read, resize, type Size, typed } from "./frames";
import { MAX_SENDING_BYTES, OPEN_MS, SETTLE_MS } from "./limits";
import { EMPTY, kept, type Outbox } from "./outbox";
import { closing, type End } from "./reconnect";

export type LinkState =
  | { at: "connecting" }
  | { at: "open" }
  /** Away, and on its way back; `waiting` typed bytes are sent then. */
  | { at: "away"; waiting: number }
  | { at: "over"; end: End };

export interface LinkEvents {
  /** A connection opened: what it counts begins anew. */
  onOpen: () => void;
  onMessage: (message: FromServer) => void;
  onState: (state: LinkState) => void;
}

export class Link {
  readonly #path: string;
  readonly #events: LinkEvents;
  readonly #life = new AbortController();
  #socket: WebSocket | undefined;
  #isOpen = false;
  #wasOpen = false;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #outbox: Outbox = EMPTY;
  #size: Size;

  constructor(runId: string, size: Size, events: LinkEvents) {
    this.#path = `/api/runs/${encodeURIComponent(runId)}/terminal`;
    this.#size = size;
    this.#events = events;
  }

  start(): void {
    // What was open while the network was away hangs, and the browser does not know; what waits tries again at once.
    listenForDoubts((doubt) => {
      if (doubt === "network-back" || doubt === "computer-slept") this.#connect();
      else if (!this.#socket) this.#connect();
    }, this.#life.signal);
    // What is typed into a connection without a network would be lost; so it is none.
    const offline = () => this.anew();
    globalThis.addEventListener("offline", offline, { signal: this.#life.signal });
    this.#connect();
  }

  stop(): void {
    this.#life.abort();
    clearTimeout(this.#timer);
    this.#drop();
  }

  /** Whether the bytes are sent or kept; refused whole when too much waits already. */
  type(bytes: Uint8Array): boolean {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      if (this.#socket.bufferedAmount + bytes.length > MAX_SENDING_BYTES) return false;
      for (const message of typed(bytes)) this.#send(message);
      return true;
    }
    const { box, isKept } = kept(this.#outbox, bytes);
    this.#outbox = box;
    this.#tell();
    return isKept;
  }

  resize(size: Size): void {
    this.#size = size;
    this.#send(resize(size));
  }

  acknowledge(bytes: number): void {
    this.#send(acknowledged(bytes));
  }

  /** Gives this connection up for a new one, which draws the screen anew. */
  anew(): void {
    if (this.#socket) this.#closed(this.#socket, 0);
  }

  /** Tries now what would be tried later. */
  retry(): void {
    if (!this.#socket) this.#connect();
  }

  #connect(): void {
    if (this.#life.signal.aborted) return;
    this.#drop();
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#url());
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    this.#timer = setTimeout(() => this.#closed(socket, 0), OPEN_MS);
    socket.addEventListener("open", () => this.#opened(socket));
    socket.addEventListener("message", ({ data }) => this.#heard(socket, data));
    socket.addEventListener("close", ({ code }) => this.#closed(socket, code));
    this.#tell();
  }

  #url(): string {
    const url = new URL(this.#path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("columns", String(this.#size.columns));
    url.searchParams.set("rows", String(this.#size.rows));
    return url.href;
  }

  #opened(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#failures = 0;
    }, SETTLE_MS);
    this.#isOpen = true;
    this.#wasOpen = true;
    this.#events.onOpen();
    for (const bytes of this.#outbox.waiting) for (const message of typed(bytes)) socket.send(message);
    this.#outbox = EMPTY;
    this.#tell();
  }

  #heard(socket: WebSocket, data: unknown): void {
    if (socket !== this.#socket) return;
    const message = read(data);
    // What is malformed can't be skipped: the screen would be a lie. A new connection draws it anew.
    if (!message) return this.#closed(socket, 0);
    this.#events.onMessage(message);
  }

  #closed(socket: WebSocket, code: number): void {
    if (socket !== this.#socket || this.#life.signal.aborted) return;
    this.#drop();
    clearTimeout(this.#timer);
    const what = closing(code, this.#failures);
    if (what.next === "over") {
      this.#life.abort();
      return this.#events.onState({ at: "over", end: what.end });
    }
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#connect(), what.afterMs);
    this.#tell();
  }

  /** A socket that is closing takes nothing more, and its end is told in a moment. */
  #send(message: Uint8Array<ArrayBuffer>): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#isOpen = false;
    socket?.close();
  }

  #tell(): void {
    if (this.#isOpen) this.#events.onState({ at: "open" });
    else if (this.#wasOpen || this.#failures > 0)
      this.#events.onState({ at: "away", waiting: this.#outbox.bytes });
    else this.#events.onState({ at: "connecting" });
  }
}
