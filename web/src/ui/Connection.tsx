//! What the connection between this browser and the server can do, what is in its way, and what to write where.

import { useEffect, useState } from "react";
import type { Facts, Finding, Level, Stream, Tried, TriedPath } from "../connection/facts";
import { probe } from "../connection/prober";
import { report, words } from "../connection/report";
import { isComplete, judge, type Verdict } from "../connection/verdict";
import { Header } from "./Header";
import { AlertIcon, CheckIcon } from "./icons";
import { CopyButton, FocusedHeading } from "./parts";

export function Connection() {
  const [facts, setFacts] = useState<Facts>();
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each round is a check of its own
  useEffect(() => {
    const shown = new AbortController();
    void probe(setFacts, shown.signal);
    return () => shown.abort();
  }, [round]);
  return (
    <div className="page">
      <Header at="connection" />
      <main className="dashboard connection">
        <FocusedHeading>Connection</FocusedHeading>
        <p className="lead">
          Which ways there are from this browser to this server and its machines, and what is in their way.
        </p>
        {facts && <Checked facts={facts} onAgain={() => setRound(round + 1)} />}
      </main>
    </div>
  );
}

function Checked({ facts, onAgain }: { facts: Facts; onAgain: () => void }) {
  const complete = isComplete(facts);
  const verdict = judge(facts);
  return (
    <>
      <Summary verdict={verdict} complete={complete} />
      <Ways facts={facts} />
      <div className="actions">
        <button type="button" className="button primary" disabled={!complete} onClick={onAgain}>
          Check again
        </button>
        <CopyButton text={report(facts, verdict, new Date(), navigator.userAgent)} label="Copy as text" />
      </div>
    </>
  );
}

function Summary({ verdict, complete }: { verdict: Verdict; complete: boolean }) {
  return (
    <section className="panel verdict" data-verdict={complete ? verdict.level : "trying"} aria-live="polite">
      <div className="verdict-head">
        <Sign level={complete ? verdict.level : undefined} />
        <h2>{complete ? verdict.title : "Checking…"}</h2>
      </div>
      {complete && (
        <ul className="findings">
          {verdict.findings.map((finding) => (
            <FindingLine key={finding.what} finding={finding} />
          ))}
        </ul>
      )}
    </section>
  );
}

const LEVELS: Record<Level, string> = { ok: "Good", warning: "Caution", error: "Problem" };

function FindingLine({ finding: { level, what, remedy } }: { finding: Finding }) {
  return (
    <li className="finding" data-level={level}>
      <span className={`finding-level ${level}`}>{LEVELS[level]}</span>
      <div>
        <p>
          <Marked text={what} />
        </p>
        {remedy && (
          <p className="quiet">
            <Marked text={remedy} />
          </p>
        )}
      </div>
    </li>
  );
}

/** What stands between backquotes is to be typed as it is. */
function Marked({ text }: { text: string }) {
  // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of one text keep their places
  return text.split("`").map((piece, at) => (at % 2 ? <code key={at}>{piece}</code> : piece));
}

function Sign({ level }: { level: Level | undefined }) {
  if (level === undefined)
    return (
      <span className="active">
        <span className="step-sign" />
      </span>
    );
  const tone = level === "ok" ? "good" : level === "error" ? "bad" : "busy";
  return <span className={`seal small ${tone}`}>{level === "ok" ? <CheckIcon /> : <AlertIcon />}</span>;
}

function Ways({ facts }: { facts: Facts }) {
  const { http, stream, relays, own } = facts;
  return (
    <section className="panel ways">
      <table>
        <caption>
          Times of relays run from the request until the relay has given an address: two to five times the way
          there and back.
        </caption>
        <thead>
          <tr>
            <th scope="col">Way</th>
            <th scope="col">From here</th>
            <th scope="col">Time</th>
          </tr>
        </thead>
        <tbody>
          <Way name="Server" note="round trip of a call" tried={http} />
          <Way name="News from the server" note="until a stream's first event" tried={toTried(stream)}>
            {STREAM_WORDS[stream.state]}
          </Way>
          {typeof relays === "string" ? (
            <Way name="Relays" note="" tried={{ state: relays === "asking" ? "trying" : "silent" }}>
              {relays === "unknown" ? "Not told" : undefined}
            </Way>
          ) : (
            relays.map((each) => <RelayWay key={each.path.url} {...each} />)
          )}
          {relays.length === 0 && (
            <Way name="Relays" note="" tried={{ state: "trying" }}>
              None configured
            </Way>
          )}
        </tbody>
      </table>
      <dl className="facts">
        <dt>Own addresses</dt>
        <dd>{ownWords(own)}</dd>
      </dl>
    </section>
  );
}

const TRANSPORTS = { udp: "UDP", tcp: "TCP", tls: "TLS" } as const;
const FAMILIES = { ipv4: ", IPv4", ipv6: ", IPv6", name: "" } as const;

function RelayWay({ path, tried }: TriedPath) {
  const name = `Relay by ${TRANSPORTS[path.transport]}${FAMILIES[path.family]}`;
  return <Way name={name} note={`${path.host}:${path.port}`} tried={tried} />;
}

const TONES = { trying: "", works: "good", refused: "bad", silent: "bad" } as const;

interface WayProps {
  name: string;
  note: string;
  tried: Tried;
  children?: string | undefined;
}

function Way({ name, note, tried, children }: WayProps) {
  const word = tried.state === "works" ? "Works" : tried.state === "trying" ? "Trying…" : upper(words(tried));
  return (
    <tr data-way={name} data-state={tried.state}>
      <th scope="row">
        {name}
        {note && <span className="quiet">{note}</span>}
      </th>
      <td>
        <span className={`status ${TONES[tried.state]}`}>{children ?? word}</span>
      </td>
      <td className="way-time">{tried.state === "works" ? `${Math.round(tried.ms)} ms` : ""}</td>
    </tr>
  );
}

const STREAM_WORDS: Record<Stream["state"], string | undefined> = {
  trying: undefined,
  works: undefined,
  "held-back": "Held back",
  fails: "Fails",
  untried: "Not tried: no sign-in runs",
};

function toTried(stream: Stream): Tried {
  switch (stream.state) {
    case "works":
      return stream;
    case "trying":
    case "untried":
      return { state: "trying" };
    case "held-back":
    case "fails":
      return { state: "silent" };
  }
}

function ownWords(own: Facts["own"]): string {
  if (own === "trying") return "Trying…";
  if (own.count === 0) return "None";
  return own.hidden ? `${own.count}, hidden from pages by this browser` : String(own.count);
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
