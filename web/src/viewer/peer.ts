//! One RTCPeerConnection, for one attempt: made, offered once, answered once, closed. It reports what it sees and
//! decides nothing; `machine.ts` does.

import type { Candidate } from "../api/types";
import { Channels } from "./channels";
import type { AttemptEvent } from "./machine";
import type { FromGuest } from "./messages";

export interface PeerEvents {
  event(event: AttemptEvent): void;
  /** A candidate of this side; the last has an empty `candidate`. */
  candidate(candidate: Candidate): void;
  stream(stream: MediaStream): void;
  message(message: FromGuest): void;
}

const CONFIGURATION: RTCConfiguration = { bundlePolicy: "max-bundle" };

export class Peer {
  readonly #connection = new RTCPeerConnection(CONFIGURATION);
  readonly #events: PeerEvents;
  readonly #receiver: RTCRtpReceiver;
  /** None in a connection that only shows. */
  readonly channels: Channels | undefined;
  #closed = false;

  constructor(events: PeerEvents, { input }: { input: boolean }) {
    this.#events = events;
    this.#receiver = this.#connection.addTransceiver("video", { direction: "recvonly" }).receiver;
    if (input) {
      this.channels = new Channels(
        this.#connection,
        (message) => events.message(message),
        () => this.#report({ type: "failed", cause: "disconnected" }),
      );
    }
    this.#watch();
  }

  /** Makes the offer that this connection, and no other, can be answered with. It has the relays' candidates if they
   * are known by the time that the description is made. */
  async offer(relays: Promise<RTCIceServer[]>): Promise<string> {
    const [made, iceServers] = await Promise.all([this.#connection.createOffer(), relays]);
    this.#use(iceServers);
    await this.#connection.setLocalDescription(made);
    const sdp = this.#connection.localDescription?.sdp;
    if (!sdp) throw new Error("the browser made an offer without a description");
    return sdp;
  }

  async answer(sdp: string): Promise<void> {
    await this.#connection.setRemoteDescription({ type: "answer", sdp });
    preferTheNewestFrame(this.#receiver);
    // A machine that says goodbye is gone at once; ICE would find out seconds later.
    const { transport } = this.#receiver;
    transport?.addEventListener("statechange", () => {
      if (transport.state === "closed") this.#report({ type: "failed", cause: "disconnected" });
    });
  }

  /** Takes a candidate of the guest. One that the browser can't use costs only itself. */
  async addCandidate(candidate: Candidate): Promise<void> {
    const { sdpMid = null, sdpMLineIndex = null, usernameFragment = null } = candidate;
    const init = { candidate: candidate.candidate, sdpMid, sdpMLineIndex, usernameFragment };
    await this.#connection.addIceCandidate(init).catch(() => undefined);
  }

  /** How many frames the decoder gave, by the statistics. */
  async framesDecoded(): Promise<number> {
    for (const stats of (await this.#receiver.getStats()).values()) {
      if (stats.type === "inbound-rtp" && typeof stats.framesDecoded === "number") return stats.framesDecoded;
    }
    return 0;
  }

  /** A number that grows with whatever comes from the other side: pictures, messages, answers to ICE's checks. */
  async received(): Promise<number> {
    let sum = 0;
    for (const stats of (await this.#connection.getStats()).values()) {
      if (stats.type === "candidate-pair") sum += (stats.bytesReceived ?? 0) + (stats.responsesReceived ?? 0);
    }
    return sum;
  }

  close(): void {
    this.#closed = true;
    this.#connection.close();
  }

  /** Relays that this browser does not take are none: a connection without them is better than no connection. */
  #use(iceServers: RTCIceServer[]): void {
    if (iceServers.length === 0) return;
    try {
      this.#connection.setConfiguration({ ...CONFIGURATION, iceServers });
    } catch {
      return;
    }
  }

  #report(event: AttemptEvent): void {
    if (!this.#closed) this.#events.event(event);
  }

  #watch(): void {
    const connection = this.#connection;
    connection.addEventListener("icecandidate", ({ candidate }) => {
      if (!this.#closed)
        this.#events.candidate(candidate?.candidate ? (candidate.toJSON() as Candidate) : { candidate: "" });
    });
    connection.addEventListener("track", ({ track, streams }) => {
      if (!this.#closed) this.#events.stream(streams[0] ?? new MediaStream([track]));
    });
    connection.addEventListener("iceconnectionstatechange", () => {
      const event = fromIce(connection.iceConnectionState);
      if (event) this.#report(event);
    });
    connection.addEventListener("connectionstatechange", () => {
      const event = fromConnection(connection.connectionState, connection.iceConnectionState);
      if (event) this.#report(event);
    });
  }
}

function fromIce(state: RTCIceConnectionState): AttemptEvent | undefined {
  switch (state) {
    case "connected":
    case "completed":
      return { type: "ice-connected" };
    case "disconnected":
      return { type: "failed", cause: "disconnected" };
    case "failed":
      return { type: "failed", cause: "ice-failed" };
    case "new":
    case "checking":
    case "closed":
      return undefined;
  }
}

/** `connected` here means that ICE and DTLS are up; ICE's own failures were reported by `fromIce`. */
function fromConnection(state: RTCPeerConnectionState, ice: RTCIceConnectionState): AttemptEvent | undefined {
  switch (state) {
    case "connected":
      return { type: "dtls-connected" };
    case "failed":
      return { type: "failed", cause: ice === "failed" ? "ice-failed" : "dtls-failed" };
    case "new":
    case "connecting":
    case "disconnected":
    case "closed":
      return undefined;
  }
}

/** No jitter buffer: a late frame is worth less than a prompt one, and there is no sound to keep in step with. */
function preferTheNewestFrame(receiver: RTCRtpReceiver): void {
  const tuned = receiver as RTCRtpReceiver & {
    jitterBufferTarget?: number | null;
    playoutDelayHint?: number | null;
  };
  if ("jitterBufferTarget" in tuned) tuned.jitterBufferTarget = 0;
  if ("playoutDelayHint" in tuned) tuned.playoutDelayHint = 0;
}
