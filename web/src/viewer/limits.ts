//! Every bound of the viewer, with where its number comes from.

/** Making an offer is local work; Chromium takes 5 to 50 ms. */
export const OFFER_MS = 5_000;
/** The controller stores the offer and answers; it waits for nothing else. */
export const POST_MS = 15_000;
/** Machine, agent and answer have 60 + 30 + 30 s by the controller's own deadlines, which end the session. This is the
 * backstop for a controller that forgot. */
export const ANSWER_MS = 150_000;
/** Checks on loopback or in a LAN take milliseconds, through a relay a second. */
export const ICE_MS = 10_000;
/** Invariant seen-is-connected: an answer to somebody else's offer leaves DTLS in `connecting` for ever. */
export const DTLS_MS = 5_000;
/** The guest sends a keyframe as soon as DTLS is up. */
export const FRAME_MS = 5_000;
/** After a change of the network, a live connection has this long to answer a ping. */
export const PROBE_MS = 1_000;
/** A connection that lived this long counts as good: the next failure is retried at once. */
export const SETTLE_MS = 5_000;
/** Pauses before the next offer, by the number of failures since the last good connection. The first is retried at
 * once (invariant live-peer: within a second); the last is repeated until the session ends. */
export const RETRY_MS = [0, 500, 1_000, 2_000, 4_000, 8_000] as const;
/** Long polls ask for this many seconds; the controller takes at most 25. */
export const POLL_WAIT_S = 20;
/** Candidates in one request, as the controller takes them. */
export const MAX_CANDIDATES_PER_REQUEST = 100;
/** How often frames are asked for in the statistics until the first is decoded: a hidden page gets no frame callback. */
export const FRAME_STATS_MS = 100;
/** How often the latency is measured. */
export const PING_MS = 1_000;
/** What may wait in the `motion` channel: some twenty positions. More would be a picture of the past. */
export const MAX_MOTION_BUFFER_BYTES = 1_024;
/** What may wait in the `input` channel before events are dropped (and everything held is released afterwards). */
export const MAX_INPUT_BUFFER_BYTES = 256 * 1_024;
