//! How a run ended: under its last screen where this page has that, as a page of its own else.

import { useState } from "react";
import type { Problem, RunView } from "../api/types";
import { named, providers } from "../app/providers";
import { goToDashboard } from "../app/route";
import { useStore } from "../app/store";
import { duration } from "../session/phases";
import { runEnded, type Tone } from "../session/run-ends";
import { AlertIcon, CheckIcon } from "./icons";
import { OpenRun } from "./OpenRun";
import { FocusedHeading } from "./parts";

/** Under the terminal, whose last lines often say more than any reason. */
export function RunEnd({ view, name }: { view: RunView; name: string }) {
  const { title, remedy, detail, tone } = runEnded(view, name);
  return (
    <section className="run-end" {...marksOf(view)} aria-label="How it ended">
      <Seal tone={tone} />
      <div className="run-end-words" role="status">
        <h2>{title}</h2>
        <p className="quiet">{[detail, remedy, lastedOf(view)].filter(Boolean).join(" ")}</p>
      </div>
      <Ways view={view} name={name} />
    </section>
  );
}

interface RunResultProps {
  view: RunView | undefined;
  name: string;
  refused: Problem | undefined;
}

/** The run was over before this page came, or there is none. */
export function RunResult({ view, name, refused }: RunResultProps) {
  const told = refused || !view ? refusal(refused) : runEnded(view, name);
  return (
    <div className="page">
      <main className="centred">
        <section className="panel result" {...marksOf(view)}>
          <Seal tone={told.tone} />
          <FocusedHeading>{told.title}</FocusedHeading>
          <p>{told.remedy}</p>
          {told.detail && <p className="detail">{told.detail}</p>}
          {view && !refused && <p className="quiet">{lastedOf(view)}</p>}
          <Ways view={refused ? undefined : view} name={name} />
        </section>
      </main>
    </div>
  );
}

/** What tests outside find an end by. */
function marksOf(view: RunView | undefined) {
  return { "data-run-end": view?.exitCode ?? "none", "data-run-reason": view?.reason?.code };
}

const SEALS: Record<Tone, string> = { good: "seal good", plain: "seal", bad: "seal bad" };

function Seal({ tone }: { tone: Tone }) {
  return <span className={SEALS[tone]}>{tone === "good" ? <CheckIcon /> : <AlertIcon />}</span>;
}

function Ways({ view, name }: { view: RunView | undefined; name: string }) {
  const [failure, setFailure] = useState<string>();
  const isRunnable = named(useStore(providers), view?.provider)?.runnable ?? true;
  return (
    <div className="actions">
      {failure && (
        <p className="error" role="alert">
          {failure}
        </p>
      )}
      {view && isRunnable && (
        <OpenRun
          provider={view.provider}
          name={name}
          args={view.arguments}
          label={view.arguments.length > 0 ? "Run again" : "Open again"}
          onFailure={setFailure}
        />
      )}
      <button type="button" className="button" onClick={goToDashboard}>
        Back
      </button>
    </div>
  );
}

function lastedOf({ startedAt, createdAt, endedAt }: RunView): string {
  return endedAt ? `It was there for ${duration(endedAt - (startedAt ?? createdAt))}.` : "";
}

function refusal(problem: Problem | undefined) {
  const bad = { tone: "bad" as const, detail: undefined };
  if (problem?.status === 404)
    return { ...bad, title: "There is no such run", remedy: "It may be somebody else's, or long over." };
  return {
    ...bad,
    title: problem?.title ?? "The run has ended",
    remedy: problem?.detail ?? "The server did not say why. Open it again.",
  };
}
