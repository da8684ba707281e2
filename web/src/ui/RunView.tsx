//! A run from its beginning to its end: progress, then its terminal, then how it ended. The terminal's last screen stays
//! where the person can read it.

import { useEffect, useState } from "react";
import { named, providers, refresh } from "../app/providers";
import type { Run, RunSnapshot } from "../app/run";
import { useStore } from "../app/store";
import { STATES } from "../session/run";
import type { LinkState } from "../terminal/link";
import type { RunTerminal } from "../terminal/terminal";
import { RunBar } from "./RunBar";
import { RunProgress } from "./RunProgress";
import { RunEnd, RunResult } from "./RunResult";
import { RunStage } from "./RunStage";
import type { Status } from "./status";
import "@xterm/xterm/css/xterm.css";
import "./styles/run.css";

export default function RunView({ run }: { run: Run }) {
  const state = useStore(run.state);
  const list = useStore(providers);
  const name = named(list, state.view?.provider)?.name ?? state.view?.provider ?? "Run";
  useEffect(() => void refresh(), []);
  const { terminal, view, problem } = state;
  if (problem || (view?.state === "ended" && !terminal)) {
    return <RunResult view={view} name={name} refused={problem} />;
  }
  if (terminal) return <WithTerminal run={run} name={name} state={state} terminal={terminal} />;
  return (
    <div className="sign-in run" data-run-state={view?.state}>
      <Titled name={name} />
      <RunBar
        run={run}
        name={name}
        state={state}
        status={statusOf(state, undefined)}
        says=""
        terminal={undefined}
        onSearch={() => undefined}
      />
      <main className="stage">
        <RunProgress name={name} view={view} isUnreachable={state.unreachable} />
      </main>
    </div>
  );
}

interface WithTerminalProps {
  run: Run;
  name: string;
  state: RunSnapshot;
  terminal: RunTerminal;
}

function WithTerminal({ run, name, state, terminal }: WithTerminalProps) {
  const now = useStore(terminal.state);
  const [isSearching, setSearching] = useState(false);
  const isEnded = state.view?.state === "ended";
  return (
    <div
      className="sign-in run"
      data-run-state={state.view?.state}
      data-link={now.link.at}
      data-drawn={now.isDrawn}
      data-renderer={now.renderer}
      data-size={now.size && `${now.size.columns}x${now.size.rows}`}
    >
      <Titled name={now.title || name} />
      <RunBar
        run={run}
        name={name}
        state={state}
        status={statusOf(state, now.link)}
        says={now.title}
        terminal={terminal}
        onSearch={() => setSearching(true)}
      />
      <RunStage
        terminal={terminal}
        now={now}
        isEnded={isEnded}
        isSearching={isSearching}
        onSearch={setSearching}
      />
      {isEnded && state.view && <RunEnd view={state.view} name={name} />}
    </div>
  );
}

/** The state in one or two words. Without a connection nothing else matters. */
function statusOf({ view, unreachable }: RunSnapshot, link: LinkState | undefined): Status {
  if (view?.state === "ended") return { tone: "bad", word: "Ended" };
  if (link?.at === "away" || (unreachable && link?.at !== "open"))
    return { tone: "bad", word: "No connection" };
  if (link?.at === "connecting") return { tone: "busy", word: "Connecting" };
  const { word, tone } = STATES[view?.state ?? "starting"];
  return { tone: tone === "good" ? "good" : "busy", word };
}

function Titled({ name }: { name: string }) {
  useEffect(() => {
    document.title = `${name} · Anteroom`;
    return () => {
      document.title = "Anteroom";
    };
  }, [name]);
  return null;
}
