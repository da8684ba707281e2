//! The person's runs under the cards: those that are there, and the last that ended.

import { useState } from "react";
import type { RunView } from "../api/types";
import { named, type Providers } from "../app/providers";
import { goToRun } from "../app/route";
import { runs, stopRun } from "../app/runs";
import { useStore } from "../app/store";
import { ago, exactly } from "../app/time";
import { commandLine, STATES } from "../session/run";
import { runEnded, type Tone } from "../session/run-ends";
import { Confirm, Monogram } from "./parts";

/** Ended runs that are listed: enough to find the one that just ended. */
const MAX_ENDED = 3;

export function Runs({ list }: { list: Providers }) {
  const all = useStore(runs);
  const open = all.filter(({ state }) => state !== "ended");
  const ended = all.filter(({ state }) => state === "ended").slice(0, MAX_ENDED);
  if (all.length === 0) return null;
  return (
    <section className="runs" aria-label="Runs">
      <h2>Runs</h2>
      <ul className="panel">
        {[...open, ...ended].map((run) => (
          <Row key={run.runId} run={run} name={named(list, run.provider)?.name ?? run.provider} />
        ))}
      </ul>
    </section>
  );
}

function Row({ run, name }: { run: RunView; name: string }) {
  const [failure, setFailure] = useState<string>();
  const isEnded = run.state === "ended";
  const since = run.endedAt ?? run.startedAt ?? run.createdAt;
  return (
    <li className="run-row" data-run={run.runId} data-state={run.state}>
      <Monogram name={name} />
      <h3>
        {name} {run.check && <span className="quiet">is checked</span>}
        {run.arguments.length > 0 && <code className="quiet">{commandLine(run.arguments)}</code>}
      </h3>
      <State run={run} name={name} />
      <time dateTime={new Date(since).toISOString()} title={exactly(since)}>
        {ago(since, Date.now())}
      </time>
      <div className="actions">
        {!isEnded && (
          <>
            <button type="button" className="button" onClick={() => goToRun(run.runId)}>
              Open <span className="off-screen">the run of {name}</span>
            </button>
            <StopRun id={run.runId} name={name} look="plain" onFailure={setFailure} />
          </>
        )}
      </div>
      {failure && (
        <p className="error" role="alert">
          {failure}
        </p>
      )}
    </li>
  );
}

const TONES: Record<Tone, string> = { good: "status", plain: "status", bad: "status bad" };

function State({ run, name }: { run: RunView; name: string }) {
  const { word, tone } = STATES[run.state];
  if (run.state !== "ended") return <span className={`status ${tone}`}>{word}</span>;
  const end = runEnded(run, name);
  return (
    <span className={TONES[end.tone]} title={end.title}>
      {end.word}
    </span>
  );
}

interface StopRunProps {
  id: string;
  name: string;
  look: string;
  onFailure: (failure: string | undefined) => void;
}

function StopRun({ id, name, look, onFailure }: StopRunProps) {
  const [asking, setAsking] = useState(false);
  const stop = async () => {
    setAsking(false);
    onFailure(await stopRun(id));
  };
  return (
    <>
      <button type="button" className={`button ${look}`} onClick={() => setAsking(true)}>
        Stop <span className="off-screen">the run of {name}</span>
      </button>
      {asking && <ConfirmStop name={name} onConfirm={() => void stop()} onClose={() => setAsking(false)} />}
    </>
  );
}

interface ConfirmStopProps {
  name: string;
  onConfirm: () => void;
  onClose: () => void;
}

/** Also asked by the run's own view. */
export function ConfirmStop({ name, onConfirm, onClose }: ConfirmStopProps) {
  return (
    <Confirm
      title="Stop this run?"
      confirm="Stop the run"
      keep="Let it go on"
      onConfirm={onConfirm}
      onClose={onClose}
    >
      <p>
        {name} is ended, whatever it is doing, and its machine is destroyed. Your connection to {name} stays.
      </p>
    </Confirm>
  );
}
