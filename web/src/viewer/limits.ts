//! Every bound of the viewer, with where its number comes from.

/** Making an offer is local work; Chromium takes 5 to 50 ms. */
export const OFFER_MS = 5_000;
/** The controller stores the offer and answers; it waits for nothing else. A network that swallows packets says nothing,
 * so the first call is given up soon and made again; each next one gets this much more, for lines that are only slow. */
export const POST_MS = 3_000;
/** What one call gets at most. */
export const POST_MAX_MS = 15_000;
/** Machine, agent and answer have 60 + 30 + 30 s by the controller's own deadlines, which end the session. This is the
 * backstop for a controller that forgot. */
export const ANSWER_MS = 150_000;
/** Checks on loopback or in a LAN take milliseconds, through a relay a second. */
export const ICE_MS = 10_000;
/** Invariant seen-is-connected: an answer to somebody else's offer leaves DTLS in `connecting` for ever. */
export const DTLS_MS = 5_000;
/** The guest sends a keyframe as soon as DTLS is up. */
export const FRAME_MS = 5_000;
/** A doubted connection has this long to answer one of its pings, or `RTTS` round trips where that is longer. */
export const PROBE_MS = 600;
/** How often a doubted connection is pinged and looked at meanwhile. Each ping is a packet of its own, so that one of them
 * comes through where 10 % are lost: that all six or their answers fail is one case in ten thousand. */
export const PROBE_LOOK_MS = 100;
/** A connection from which nothing came for this long is doubted, or for `RTTS` round trips. With the look's and the probe's
 * time and a new epoch after it, the picture is back within 2 s. */
export const SILENT_MS = 900;
/** Round trips that an answer may take: SCTP sends a lost message again after one to two. */
export const RTTS = 4;
/** How often a connection is looked at. */
export const LOOK_MS = 200;
/** A tick of the watch that comes this late means that the computer slept, in a page that is seen: a busy one is late by
 * tenths of a second. */
export const SLEPT_MS = 5_000;
/** The same in a page that is hidden: browsers let its timers run once a minute. */
export const SLEPT_HIDDEN_MS = 90_000;
/** A connection that lived this long counts as good: the next failure is retried at once. */
export const SETTLE_MS = 5_000;
/** Pauses before the next offer, by the number of failures since the last good connection. The first is retried at
 * once (invariant live-peer: within a second); the last is repeated until the session ends, and is short because a network
 * may come back without a word. An attempt takes longer than a pause, so a session's 1024 epochs last for hours. */
export const RETRY_MS = [0, 500, 1_000, 1_500] as const;
/** Long polls ask for this many seconds; the controller takes at most 25. */
export const POLL_WAIT_S = 20;
/** Candidates in one request, as the controller takes them. */
export const MAX_CANDIDATES_PER_REQUEST = 100;
/** How often frames are asked for in the statistics until the first is decoded: a hidden page gets no frame callback. */
export const FRAME_STATS_MS = 100;
/** How often the latency is measured: within `SILENT_MS` one answer comes, also when one ping is lost. */
export const PING_MS = 400;
/** When something follows the last input event, milliseconds after it; some of it may be lost as well. SCTP sends a lost message again when three later ones
 * have arrived (RFC 9260, section 7.2.4), or else after half a second: a lost click would wait for the person's next one. */
export const FOLLOW_MS = [20, 40, 60, 80, 110, 150] as const;
/** How often the clock is looked at, for a computer that slept. */
export const TICK_MS = 1_000;
/** What may wait in the `motion` channel: some twenty positions. More would be a picture of the past. */
export const MAX_MOTION_BUFFER_BYTES = 1_024;
/** What may wait in the `input` channel before events are dropped (and everything held is released afterwards). */
export const MAX_INPUT_BUFFER_BYTES = 256 * 1_024;
/** How long an offer waits for relays that are not known yet. A call on a good line takes 5 to 50 ms; later ones serve the
 * next epoch. */
export const RELAYS_WAIT_MS = 300;
/** Credentials of relays are asked for anew this long before they end. */
export const RELAYS_MARGIN_MS = 60_000;
/** The least and the most that known relays are held, whatever the two clocks say: this computer's may be wrong by hours. */
export const RELAYS_HOLD_MS = { least: 10_000, most: 300_000 } as const;
/** The dashboard's pause before relays are asked for again after a call that failed. */
export const RELAYS_AGAIN_MS = 30_000;
/** What a controller may ask for with Retry-After; a person waits for the picture. */
export const MAX_RETRY_AFTER_MS = 5_000;
/** A view-only offer is answered by the machine itself before the call returns; 2 s for the slowest engine in a fresh
 * process, and it must not be made twice. */
export const WHEP_POST_MS = 15_000;
