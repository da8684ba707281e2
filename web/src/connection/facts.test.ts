import { describe, expect, it } from "vitest";
import { type Facts, isLoopback, parseRelayUrl } from "./facts";
import { report } from "./report";
import { judge } from "./verdict";

describe("a relay's address", () => {
  it("says transport, port and family, by RFC 7065's defaults where it does not", () => {
    const table = [
      ["turn:a.test", "udp", 3478, "name"],
      ["turn:a.test:5000?transport=tcp", "tcp", 5000, "name"],
      ["turns:a.test?transport=tcp", "tls", 5349, "name"],
      ["turns:192.0.2.1:443", "tls", 443, "ipv4"],
      ["turn:[2001:db8::1]:3478?transport=udp", "udp", 3478, "ipv6"],
    ] as const;
    for (const [url, transport, port, family] of table)
      expect(parseRelayUrl(url), url).toMatchObject({ url, transport, port, family });
  });

  it("is nothing where it is none", () => {
    for (const url of ["", "stun:a.test", "turn:", "http://a.test", "turn:a.test:port", "turn:[::1"])
      expect(parseRelayUrl(url), url).toBeUndefined();
  });
});

it("the server's own computer is known by its name", () => {
  expect(["localhost", "127.0.0.1", "127.3.2.1", "[::1]"].every(isLoopback)).toBe(true);
  expect(["desk.test", "localhost.test", "192.168.0.1", "[2001:db8::1]"].some(isLoopback)).toBe(false);
});

it("a report has the ways and the findings, and no credential", () => {
  const path = parseRelayUrl("turn:a.test:3478?transport=udp");
  if (!path) throw new Error("no path");
  const facts: Facts = {
    pageHost: "a.test",
    webRtc: true,
    http: { state: "works", ms: 3.4 },
    stream: { state: "untried" },
    relays: [{ path, tried: { state: "refused", code: 401 } }],
    own: { count: 1, hidden: true },
    server: undefined,
  };
  const text = report(facts, judge(facts), new Date(0), "Browser 1");
  expect(text).toContain("1970-01-01T00:00:00.000Z");
  expect(text).toContain("server: works, 3 ms; event stream: untried");
  expect(text).toContain("relay turn:a.test:3478?transport=udp: refused, 401");
  expect(text).toContain("- error: The relay a.test:3478 (UDP) refuses this browser");
});
