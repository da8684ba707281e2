//! What is known of the ways between this browser and the server. Pure: `prober.ts` finds out, `verdict.ts` judges.

import type { ConnectionFacts } from "../api/types";

export type Transport = "udp" | "tcp" | "tls";

/** One way to one relay. */
export interface RelayPath {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly transport: Transport;
  /** By which addresses: IPv6 when the URL has one, otherwise as the name is resolved. */
  readonly family: "ipv4" | "ipv6" | "name";
}

export type Tried =
  | { readonly state: "trying" }
  | { readonly state: "works"; readonly ms: number }
  /** Somebody answered, and said no. */
  | { readonly state: "refused"; readonly code: number }
  | { readonly state: "silent" };

export interface TriedPath {
  readonly path: RelayPath;
  readonly tried: Tried;
}

export type Stream =
  | { readonly state: "trying" }
  | { readonly state: "works"; readonly ms: number }
  /** It is open, and nothing comes through. */
  | { readonly state: "held-back" }
  | { readonly state: "fails" }
  /** There is nothing to try it with. */
  | { readonly state: "untried" };

export interface Facts {
  /** The name in the address bar. */
  readonly pageHost: string;
  readonly webRtc: boolean;
  readonly http: Exclude<Tried, { state: "refused" }>;
  readonly stream: Stream;
  /** Nothing while it is asked for; `unknown` when the server did not say. */
  readonly relays: readonly TriedPath[] | "asking" | "unknown";
  /** This browser's own addresses: how many, and whether it hides them from the page. */
  readonly own: { readonly count: number; readonly hidden: boolean } | "trying";
  /** What the server knows about itself; nothing while it is asked for, and where it does not say. */
  readonly server: ConnectionFacts | undefined;
}

export type Level = "ok" | "warning" | "error";

/** One thing to know, with what to do about it where something can be done. */
export interface Finding {
  readonly level: Level;
  readonly what: string;
  readonly remedy: string | undefined;
}

const RELAY_URL = /^(turns?):(\[[0-9a-f:.]+\]|[^:?[\]]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/i;

/** Reads a TURN URI (RFC 7065). Others (STUN) are no relay. */
export function parseRelayUrl(url: string): RelayPath | undefined {
  const [, scheme, host, port, transport] = RELAY_URL.exec(url) ?? [];
  if (!scheme || !host) return undefined;
  const isTls = scheme.toLowerCase() === "turns";
  const family = host.startsWith("[") ? "ipv6" : /^\d+(\.\d+){3}$/.test(host) ? "ipv4" : "name";
  return {
    url,
    host,
    port: port ? Number(port) : isTls ? 5349 : 3478,
    transport: isTls ? "tls" : transport?.toLowerCase() === "tcp" ? "tcp" : "udp",
    family,
  };
}

/** Whether a page of this host is on the server's own computer. */
export function isLoopback(host: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/i.test(host);
}
