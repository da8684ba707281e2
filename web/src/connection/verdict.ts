//! What the facts of a connection mean for a sign-in, in words, each with its remedy. Facts in, findings out; pure.

import { type Facts, type Finding, isLoopback, type Level, type Transport, type TriedPath } from "./facts";
import { SLOW_MS } from "./limits";

export interface Verdict {
  /** The worst of the findings. */
  readonly level: Level;
  readonly title: string;
  readonly findings: readonly Finding[];
}

const RANK: Record<Level, number> = { ok: 0, warning: 1, error: 2 };

const TITLES: Record<Level, string> = {
  ok: "Sign-ins get a picture from here",
  warning: "Something is in the way",
  error: "Sign-ins get no picture from here",
};

/** Whether everything was tried. */
export function isComplete(facts: Facts): boolean {
  const { http, stream, relays, own } = facts;
  if (relays === "asking" || own === "trying") return false;
  const tried = relays === "unknown" ? [] : relays.map(({ tried: { state } }) => state);
  return ![http.state, stream.state, ...tried].includes("trying");
}

/** The worst first. */
export function judge(facts: Facts): Verdict {
  const findings = [...browser(facts), ...server(facts), ...relays(facts), ...said(facts)];
  findings.sort((one, other) => RANK[other.level] - RANK[one.level]);
  const level = findings[0]?.level ?? "ok";
  return { level, title: TITLES[level], findings };
}

/** What the server finds in its own configuration. */
function said({ server }: Facts): Finding[] {
  return (server?.findings ?? []).map(({ level, what, remedy }) => ({
    level,
    what,
    remedy: remedy || undefined,
  }));
}

function browser({ webRtc, own }: Facts): Finding[] {
  const remedy =
    "A setting, a policy or an extension forbids it. Allow WebRTC for this page, or use another browser.";
  if (!webRtc) return [error("This browser makes no WebRTC connection.", remedy)];
  if (own !== "trying" && own.count === 0)
    return [error("This browser offers no address of its own for WebRTC.", remedy)];
  return [];
}

function server({ http, stream }: Facts): Finding[] {
  const findings: Finding[] = [];
  if (http.state === "silent")
    findings.push(
      error("The server can't be reached.", "Check that it runs and that this computer is online."),
    );
  if (http.state === "works" && http.ms > SLOW_MS)
    findings.push(
      warning(
        `The server is ${Math.round(http.ms)} ms away. Each click on the desktop takes that long.`,
        "A server nearer to you helps, or a line that is less busy.",
      ),
    );
  if (stream.state === "held-back")
    findings.push(
      warning(
        "Something between here and the server holds the event stream back. Steps and ends of a sign-in appear late.",
        "Turn off buffering for /api/ in the proxy: `proxy_buffering off;` in nginx, `flushInterval: -1` in others.",
      ),
    );
  if (stream.state === "fails")
    findings.push(
      warning(
        "The event stream could not be opened. Steps and ends of a sign-in appear late or not at all.",
        "Let the proxy in front of the server pass /api/ on unchanged, with answers that last for minutes.",
      ),
    );
  return findings;
}

const NO_RELAY =
  'Write `[relay] listen = ["0.0.0.0:3478", "[::]:3478"]` in anteroom.toml, and open that port.';

function relays(facts: Facts): Finding[] {
  if (facts.relays === "asking") return [];
  if (facts.relays === "unknown")
    return [
      warning("The server did not say which relays there are.", "Check again; if it stays so, see its log."),
    ];
  const isHere = isLoopback(facts.pageHost);
  if (facts.relays.length === 0) {
    return isHere
      ? [
          ok(
            "No relay is configured. This browser is on the server's own computer and needs none.",
            undefined,
          ),
        ]
      : [
          warning(
            "No relay is configured: only browsers on the server's own computer get a picture.",
            NO_RELAY,
          ),
        ];
  }
  if (facts.relays.some(({ tried }) => tried.state === "works")) return someWork(facts.relays);
  if (facts.relays.some(({ tried }) => tried.state === "trying")) return [];
  const findings = noneWorks(facts.relays);
  // There the machines are reached without one; others are not so lucky.
  if (!isHere) return findings;
  const here = ok("This browser is on the server's own computer and needs no relay.", undefined);
  return [...findings.map((finding) => ({ ...finding, level: "warning" as const })), here];
}

function noneWorks(all: readonly TriedPath[]): Finding[] {
  const refused = refusals(all, "error");
  if (refused.length > 0) return refused;
  return [
    error(
      `No relay can be reached: ${list(all)} ${all.length > 1 ? "are" : "is"} blocked between here and the server.`,
      `Open ${list(all)} in the server's firewall and in its router. For networks that let only web pages out, write ` +
        '`[relay] tls_listen = ["0.0.0.0:443"]` with `certificate` and `key` in anteroom.toml.',
    ),
  ];
}

function someWork(all: readonly TriedPath[]): Finding[] {
  const by = (transport: Transport) => all.filter(({ path }) => path.transport === transport);
  const [udp, tcp, tls] = [by("udp"), by("tcp"), by("tls")];
  return [
    ...mainWay(udp, [...tcp, ...tls]),
    ...fallbacks(udp, tcp, tls),
    ...families(all),
    ...refusals(all, "warning"),
  ];
}

function mainWay(udp: readonly TriedPath[], others: readonly TriedPath[]): Finding[] {
  const best = fastest(udp);
  if (best) return [ok(`UDP works by the relay at ${best.host}, the quickest way.`, undefined)];
  const other = fastest(others);
  const silent = udp.filter(({ tried }) => tried.state === "silent");
  if (!other || silent.length === 0) return [];
  const name = other.transport === "tls" ? "TLS" : "TCP";
  return [
    warning(
      `${upper(list(silent))} ${silent.length > 1 ? "are" : "is"} blocked between here and the server. ${name} works, so ` +
        "sign-ins work, but the picture is slower when the line is bad.",
      `Open ${list(silent)}.`,
    ),
  ];
}

/** What does not matter here and now, but to others. */
function fallbacks(
  udp: readonly TriedPath[],
  tcp: readonly TriedPath[],
  tls: readonly TriedPath[],
): Finding[] {
  const findings: Finding[] = [];
  if (isSilent(tls))
    findings.push(
      warning(
        `${upper(list(tls))} (TLS) does not work.`,
        "Open it, and check that the relay's certificate is for the name in its address and has its whole chain.",
      ),
    );
  if (isSilent(tcp) && fastest([...udp, ...tls]))
    findings.push(
      ok(
        `${upper(list(tcp))} is blocked between here and the server.`,
        `Nothing is missing here. People whose network has no UDP need it: open ${list(tcp)}.`,
      ),
    );
  return findings;
}

function families(all: readonly TriedPath[]): Finding[] {
  const six = all.filter(({ path }) => path.family === "ipv6");
  const others = all.filter(({ path }) => path.family !== "ipv6");
  if (!isSilent(six) || !fastest(others)) return [];
  return [ok("The relay is not reached by IPv6 from here. IPv4 works, so nothing is missing.", undefined)];
}

function refusals(all: readonly TriedPath[], level: Level): Finding[] {
  return all.flatMap(({ path, tried }) => {
    if (tried.state !== "refused") return [];
    const { what, remedy } = REFUSALS[tried.code] ?? {
      what: "no reason that is known",
      remedy: "See the relay's log.",
    };
    return [
      { level, what: `The relay ${address(path)} refuses this browser: ${what} (${tried.code}).`, remedy },
    ];
  });
}

const CREDENTIALS = {
  what: "its credentials are wrong or too old",
  remedy:
    "Give the relay the same secret as `[relay.external]` in anteroom.toml, and set both computers' clocks right.",
};
const PLACES = {
  what: "all its places are taken",
  remedy: "Wait a minute, or raise `[relay.limits] allocations` in anteroom.toml.",
};

/** RFC 8656, section 19: browsers have no words of the relay's own. */
const REFUSALS: Record<number, { what: string; remedy: string } | undefined> = {
  401: CREDENTIALS,
  403: { what: "it forbids it", remedy: "Let the relay's own rules allow this browser's address." },
  438: CREDENTIALS,
  441: CREDENTIALS,
  486: PLACES,
  508: PLACES,
};

function isSilent(paths: readonly TriedPath[]): boolean {
  return paths.length > 0 && paths.every(({ tried }) => tried.state === "silent");
}

function fastest(paths: readonly TriedPath[]) {
  const works = paths.flatMap(({ path, tried }) => (tried.state === "works" ? [{ path, ms: tried.ms }] : []));
  return works.sort((one, other) => one.ms - other.ms)[0]?.path;
}

/** `UDP port 3478 and TCP port 3478`: what stands in a firewall's rules. */
function list(paths: readonly TriedPath[]): string {
  const ports = paths.map(({ path }) => `${path.transport === "udp" ? "UDP" : "TCP"} port ${path.port}`);
  const each = [...new Set(ports)];
  return each.length > 1 ? `${each.slice(0, -1).join(", ")} and ${each.at(-1)}` : (each[0] ?? "");
}

function address({ host, port, transport }: TriedPath["path"]): string {
  return `${host}:${port} (${transport.toUpperCase()})`;
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const ok = (what: string, remedy: string | undefined): Finding => ({ level: "ok", what, remedy });
const warning = (what: string, remedy: string): Finding => ({ level: "warning", what, remedy });
const error = (what: string, remedy: string): Finding => ({ level: "error", what, remedy });
