import { describe, expect, it } from "vitest";
import { type Facts, parseRelayUrl, type Tried, type TriedPath } from "./facts";
import { isComplete, judge } from "./verdict";

const UDP = "turn:desk.example.test:3478?transport=udp";
const TCP = "turn:desk.example.test:3478?transport=tcp";
const TLS = "turns:desk.example.test:443?transport=tcp";
const UDP6 = "turn:[2001:db8::1]:3478?transport=udp";

const works = (ms = 20): Tried => ({ state: "works", ms });
const silent: Tried = { state: "silent" };
const refused = (code: number): Tried => ({ state: "refused", code });

function tried(url: string, result: Tried): TriedPath {
  const path = parseRelayUrl(url);
  if (!path) throw new Error(`${url} is no relay`);
  return { path, tried: result };
}

const good: Facts = {
  pageHost: "desk.example.test",
  webRtc: true,
  http: { state: "works", ms: 12 },
  stream: { state: "works", ms: 14 },
  relays: [tried(UDP, works()), tried(TCP, works(40))],
  own: { count: 2, hidden: true },
  server: undefined,
};

/** The verdict on good facts, but for these. */
function on(change: Partial<Facts>) {
  const { level, findings } = judge({ ...good, ...change });
  return { level, all: findings.map(({ what, remedy }) => `${what} ${remedy ?? ""}`).join("\n") };
}

describe("the verdict", () => {
  it("is good when UDP works", () => {
    expect(on({})).toEqual({
      level: "ok",
      all: "UDP works by the relay at desk.example.test, the quickest way. ",
    });
  });

  it("names the port that is blocked, what that means and what to open", () => {
    const { level, all } = on({ relays: [tried(UDP, silent), tried(TCP, works())] });
    expect(level).toBe("warning");
    expect(all).toContain(
      "UDP port 3478 is blocked between here and the server. TCP works, so sign-ins work, but",
    );
    expect(all).toContain("Open UDP port 3478.");
    const tls = on({ relays: [tried(UDP, silent), tried(TCP, silent), tried(TLS, works())] });
    expect(tls.level).toBe("warning");
    expect(tls.all).toContain("TLS works");
  });

  it("is a problem when no relay is reached, and names every port once", () => {
    const { level, all } = on({ relays: [tried(UDP, silent), tried(UDP6, silent), tried(TCP, silent)] });
    expect(level).toBe("error");
    expect(all).toContain("No relay can be reached: UDP port 3478 and TCP port 3478 are blocked");
    expect(all).toContain("tls_listen");
  });

  it("says what to write when there is no relay, and that the server's own computer needs none", () => {
    const far = on({ relays: [] });
    expect(far.level).toBe("warning");
    expect(far.all).toContain("only browsers on the server's own computer get a picture");
    expect(far.all).toContain("[relay] listen");
    for (const pageHost of ["localhost", "127.0.0.1", "[::1]", "desk.localhost"])
      expect(on({ relays: [], pageHost }).level, pageHost).toBe("ok");
  });

  it("does not call a dead relay a problem where none is needed", () => {
    expect(on({ relays: [tried(UDP, silent)], pageHost: "localhost" }).level).toBe("warning");
  });

  it("tells a refusal from a blocked port, and what is wrong then", () => {
    const unauthorized = on({ relays: [tried(UDP, refused(401)), tried(TCP, silent)] });
    expect(unauthorized.level).toBe("error");
    expect(unauthorized.all).toContain(
      "desk.example.test:3478 (UDP) refuses this browser: its credentials are wrong or too old (401).",
    );
    expect(unauthorized.all).toContain("secret");
    expect(unauthorized.all).not.toContain("blocked");
    const full = on({ relays: [tried(UDP, refused(486)), tried(TCP, works())] });
    expect(full.level).toBe("warning");
    expect(full.all).toContain("limits");
  });

  it("lets a blocked fallback be a note while the main way works", () => {
    const { level, all } = on({ relays: [tried(UDP, works()), tried(TCP, silent)] });
    expect(level).toBe("ok");
    expect(all).toContain("TCP port 3478 is blocked");
  });

  it("doubts the certificate when TLS alone does not work", () => {
    const { level, all } = on({ relays: [tried(UDP, works()), tried(TCP, works()), tried(TLS, silent)] });
    expect(level).toBe("warning");
    expect(all).toContain("TCP port 443 (TLS) does not work.");
    expect(all).toContain("certificate");
  });

  it("misses no IPv6 where IPv4 works", () => {
    const { level, all } = on({ relays: [tried(UDP, works()), tried(UDP6, silent), tried(TCP, works())] });
    expect(level).toBe("ok");
    expect(all).toContain("not reached by IPv6");
  });

  it("knows a stream that is held back from one that fails", () => {
    expect(on({ stream: { state: "held-back" } }).all).toContain("proxy_buffering off");
    expect(on({ stream: { state: "fails" } }).level).toBe("warning");
    expect(on({ stream: { state: "untried" } }).level).toBe("ok");
  });

  it("finds a browser without WebRTC, without addresses, and a server that is far or away", () => {
    expect(on({ webRtc: false, relays: [tried(UDP, silent)] }).level).toBe("error");
    expect(on({ own: { count: 0, hidden: false } }).level).toBe("error");
    expect(on({ http: { state: "silent" } }).level).toBe("error");
    expect(on({ http: { state: "works", ms: 400 } }).all).toContain("400 ms away");
  });

  it("takes the server's own findings up, the worst first", () => {
    const server = {
      relay: "embedded" as const,
      urls: [UDP],
      findings: [
        { level: "error" as const, what: "The relay's port is taken.", remedy: "Choose another." },
        { level: "ok" as const, what: "The relay listens.", remedy: "" },
      ],
    };
    const { level, findings } = judge({ ...good, server });
    expect(level).toBe("error");
    expect(findings.map((finding) => finding.level)).toEqual(["error", "ok", "ok"]);
  });

  it("waits until everything was tried", () => {
    expect(isComplete(good)).toBe(true);
    const trying = { state: "trying" } as const;
    const open: Partial<Facts>[] = [
      { http: trying },
      { stream: trying },
      { relays: "asking" },
      { own: "trying" },
      { relays: [tried(UDP, works()), tried(TCP, trying)] },
    ];
    for (const change of open) expect(isComplete({ ...good, ...change })).toBe(false);
    expect(isComplete({ ...good, relays: "unknown" })).toBe(true);
  });

  it("has a remedy for everything that is not good", () => {
    const states: Tried[] = [works(), silent, refused(401), refused(486), refused(300)];
    for (const udp of states)
      for (const tcp of states)
        for (const tls of states)
          for (const pageHost of ["localhost", "desk.example.test"]) {
            const { level, findings } = judge({
              ...good,
              pageHost,
              relays: [tried(UDP, udp), tried(TCP, tcp), tried(TLS, tls)],
            });
            const works = [udp, tcp, tls].some(({ state }) => state === "works");
            if (!works) expect(level).toBe(pageHost === "localhost" ? "warning" : "error");
            else expect(level).not.toBe("error");
            for (const finding of findings) if (finding.level !== "ok") expect(finding.remedy).toBeTruthy();
          }
  });
});
