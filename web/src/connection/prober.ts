//! Finds out which ways there are between this browser and the server: asks the server, opens its event stream, and
//! gathers a candidate from each relay by each way. It judges nothing, shows nothing, and connects to no machine.

import { api, CALL_MS, outcome, within } from "../api/client";
import type { IceServers } from "../api/types";
import { askRelays } from "../viewer/signaling";
import { type Facts, parseRelayUrl, type RelayPath, type Tried } from "./facts";
import * as limits from "./limits";

/** STUN's own codes end here; browsers say 701 when nobody answered. */
const MAX_STUN_CODE = 699;

/** Tries everything, side by side, and tells of each thing as it is known. */
export async function probe(tell: (facts: Facts) => void, signal: AbortSignal): Promise<void> {
  let facts = blank();
  const learn = (change: Partial<Facts>) => {
    if (signal.aborted) return;
    facts = { ...facts, ...change };
    tell(facts);
  };
  learn({});
  await Promise.all([
    roundTrip(signal).then((http) => learn({ http })),
    stream(signal).then((found) => learn({ stream: found })),
    serverFacts(signal).then((server) => learn({ server })),
    facts.webRtc
      ? own(signal).then((found) => learn({ own: found }))
      : learn({ own: { count: 0, hidden: false } }),
    relays(signal, (found) => learn({ relays: found })),
  ]);
}

function blank(): Facts {
  return {
    pageHost: location.hostname,
    webRtc: "RTCPeerConnection" in globalThis,
    http: { state: "trying" },
    stream: { state: "trying" },
    relays: "asking",
    own: "trying",
    server: undefined,
  };
}

async function roundTrip(signal: AbortSignal): Promise<Facts["http"]> {
  const times: number[] = [];
  for (let round = 0; round < limits.ROUND_TRIPS; round += 1) {
    const before = performance.now();
    const got = await outcome(api.GET("/api/me", { signal: within(CALL_MS, signal) }));
    if (got.kind !== "unreachable") times.push(performance.now() - before);
  }
  return times.length > 0 ? { state: "works", ms: Math.min(...times) } : { state: "silent" };
}

/** A stream for this very purpose, or that of a sign-in which runs. */
async function stream(signal: AbortSignal): Promise<Facts["stream"]> {
  const made = await firstEvent("/api/connection/events", signal);
  if (made) return made;
  const list = await outcome(api.GET("/api/providers", { signal: within(CALL_MS, signal) }));
  const session = list.kind === "ok" ? list.value.providers.find((each) => each.session)?.session : undefined;
  if (!session) return { state: "untried" };
  return (
    (await firstEvent(`/api/session/${encodeURIComponent(session.sessionId)}/events`, signal)) ?? {
      state: "fails",
    }
  );
}

/** How a stream's first event comes; nothing where there is no such stream. */
async function firstEvent(url: string, signal: AbortSignal): Promise<Facts["stream"] | undefined> {
  const before = performance.now();
  const end = new AbortController();
  const headers = { Accept: "text/event-stream" };
  let isOpen = false;
  try {
    const response = await fetch(url, {
      headers,
      signal: AbortSignal.any([end.signal, within(limits.STREAM_MS, signal)]),
    });
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
    if (response.status === 404 || (response.ok && !isStream)) return undefined;
    if (!response.ok || !response.body) return { state: "fails" };
    isOpen = true;
    const { done } = await response.body.getReader().read();
    return done ? { state: "fails" } : { state: "works", ms: performance.now() - before };
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    // A proxy that holds everything back holds the headers back too.
    return { state: isOpen || isLate ? "held-back" : "fails" };
  } finally {
    end.abort();
  }
}

async function serverFacts(signal: AbortSignal): Promise<Facts["server"]> {
  const got = await outcome(api.GET("/api/connection", { signal: within(CALL_MS, signal) }));
  return got.kind === "ok" ? got.value : undefined;
}

/** This browser's own addresses. */
async function own(signal: AbortSignal): Promise<Facts["own"]> {
  const found: string[] = [];
  await gather({}, limits.HOST_MS, signal, ({ candidate }) => {
    if (candidate?.address) found.push(candidate.address);
    return false;
  });
  return { count: found.length, hidden: found.some((address) => address.endsWith(".local")) };
}

async function relays(signal: AbortSignal, tell: (relays: Facts["relays"]) => void): Promise<void> {
  const got = await askRelays(undefined);
  if (got.kind !== "ok") return tell("unknown");
  const paths = pathsOf(got.value);
  let tried = paths.map(({ path }) => ({ path, tried: { state: "trying" } as Tried }));
  tell(tried);
  const learn = (url: string, result: Tried) => {
    tried = tried.map((each) => (each.path.url === url ? { ...each, tried: result } : each));
    tell(tried);
  };
  if (!("RTCPeerConnection" in globalThis)) {
    for (const { path } of paths) learn(path.url, { state: "silent" });
    return;
  }
  await Promise.all(
    paths.map(async ({ path, server }) => learn(path.url, await tryRelay(path, server, signal))),
  );
}

function pathsOf({
  iceServers,
}: IceServers): { path: RelayPath; server: IceServers["iceServers"][number] }[] {
  const all = iceServers.flatMap((server) =>
    server.urls.flatMap((url) => {
      const path = parseRelayUrl(url);
      return path ? [{ path, server }] : [];
    }),
  );
  return all.slice(0, limits.MAX_PATHS);
}

/** Asks one relay by one way for an address, and measures until it has given one. */
async function tryRelay(
  { url }: RelayPath,
  { username, credential }: IceServers["iceServers"][number],
  signal: AbortSignal,
): Promise<Tried> {
  const server = { urls: url, username: username ?? "", credential: credential ?? "" };
  let result: Tried = { state: "silent" };
  const before = performance.now();
  const configuration: RTCConfiguration = { iceServers: [server], iceTransportPolicy: "relay" };
  await gather(configuration, limits.RELAY_MS, signal, ({ candidate, error }) => {
    // A relay that said no says so to each of this browser's addresses.
    if (error && error.errorCode <= MAX_STUN_CODE) {
      result = { state: "refused", code: error.errorCode };
      return true;
    }
    if (!candidate?.candidate) return false;
    result = { state: "works", ms: performance.now() - before };
    return true;
  });
  return result;
}

interface Gathered {
  candidate?: RTCIceCandidate | null;
  error?: RTCPeerConnectionIceErrorEvent;
}

/** Gathers candidates until `hear` has enough, there are no more, or the time is over. */
async function gather(
  configuration: RTCConfiguration,
  ms: number,
  signal: AbortSignal,
  hear: (gathered: Gathered) => boolean,
): Promise<void> {
  const life = within(ms, signal);
  let connection: RTCPeerConnection | undefined;
  try {
    const made = new RTCPeerConnection(configuration);
    connection = made;
    const over = new Promise<void>((done) => {
      life.addEventListener("abort", () => done());
      made.addEventListener("icecandidate", ({ candidate }) => {
        if (candidate === null || hear({ candidate })) done();
      });
      made.addEventListener("icecandidateerror", (error) => hear({ error }) && done());
    });
    // Something has to want a connection, or nothing is gathered.
    made.createDataChannel("check");
    await made.setLocalDescription(await made.createOffer());
    await over;
  } catch {
    // An address that this browser does not take gives nothing.
  } finally {
    connection?.close();
  }
}
