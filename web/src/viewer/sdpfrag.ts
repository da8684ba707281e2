//! Candidates as an SDP fragment (RFC 8840), for WHEP's PATCH. Pure.

import type { Candidate } from "../api/types";

/** A fragment with the offer's ICE credentials and its first media section: all of them share one transport. */
export function sdpFragment(offer: string, candidates: readonly Candidate[]): string {
  const lines = offer.split(/\r?\n/);
  const first = (prefix: string) => lines.find((line) => line.startsWith(prefix));
  const head = [first("a=ice-ufrag:"), first("a=ice-pwd:"), first("m="), first("a=mid:")];
  const body = candidates.map(({ candidate }) => (candidate ? `a=${candidate}` : "a=end-of-candidates"));
  return [...head, ...body]
    .filter((line) => line !== undefined)
    .map((line) => `${line}\r\n`)
    .join("");
}
