//! Every bound of the connection's check, with where its number comes from.

/** One relay by one way. UDP is asked again after 0.5, 1.5 and 3.5 s; who has not answered by then does not. */
export const RELAY_MS = 6_000;
/** Relays that are asked. A server has two or three ports by three ways; more would be somebody's mistake. */
export const MAX_PATHS = 24;
/** Until a stream's first event. The server sends it at once; a proxy that holds it back waits for more bytes or the end. */
export const STREAM_MS = 3_000;
/** Calls for the round trip; the shortest counts, since the first may open a connection. */
export const ROUND_TRIPS = 3;
/** A round trip above this is felt in every click on the desktop too. */
export const SLOW_MS = 250;
/** Gathering this browser's own addresses asks nobody. */
export const HOST_MS = 2_000;
