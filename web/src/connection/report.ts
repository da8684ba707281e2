//! A check as text, to send to whoever runs the server. It has no credential in it. Pure.

import type { Facts, Tried } from "./facts";
import type { Verdict } from "./verdict";

/** Facts and findings, one on each line. */
export function report(facts: Facts, verdict: Verdict, at: Date, browser: string): string {
  const { http, stream, relays, own, server, pageHost } = facts;
  const relayLines =
    typeof relays === "string"
      ? [`relays: ${relays}`]
      : relays.map(({ path, tried }) => `relay ${path.url}: ${words(tried)}`);
  return [
    `Anteroom connection check, ${at.toISOString()}`,
    `page: ${pageHost}; browser: ${browser}`,
    `server: ${words(http)}; event stream: ${stream.state === "works" ? words(stream) : stream.state}`,
    `own addresses: ${own === "trying" ? own : `${own.count}${own.hidden ? ", hidden" : ""}`}`,
    `relay by the server's word: ${server?.relay ?? "not told"}`,
    ...relayLines,
    `${verdict.title} (${verdict.level})`,
    ...verdict.findings.map(({ level, what, remedy }) => `- ${level}: ${what}${remedy ? ` ${remedy}` : ""}`),
    "",
  ].join("\n");
}

/** A try in a few words. */
export function words(tried: Tried): string {
  switch (tried.state) {
    case "trying":
      return "trying";
    case "works":
      return `works, ${Math.round(tried.ms)} ms`;
    case "refused":
      return `refused, ${tried.code}`;
    case "silent":
      return "no answer";
  }
}
