//! What stands in the place of a run's terminal until it is there.

import type { RunView } from "../api/types";
import { isWithoutTerminal, runPhases } from "../session/run";
import { Running } from "./Progress";
import { FocusedHeading } from "./parts";
import { Steps } from "./Steps";

interface RunProgressProps {
  name: string;
  view: RunView | undefined;
  isUnreachable: boolean;
}

export function RunProgress({ name, view, isUnreachable }: RunProgressProps) {
  if (view && isWithoutTerminal(view)) return <ForProgram name={name} view={view} />;
  const isQueued = view?.state === "queued";
  return (
    <section className="panel progress">
      <FocusedHeading>{isQueued ? "Waiting for a machine" : `Opening ${name}`}</FocusedHeading>
      <p className="quiet">
        <span aria-live="polite">{doing(view, isUnreachable)}</span>
        {view && <Running since={view.createdAt} />}
      </p>
      <Steps phases={runPhases(view)} />
    </section>
  );
}

/** A run whose input and output a program has, or that only finds out whether a connection works. */
function ForProgram({ name, view }: { name: string; view: RunView }) {
  return (
    <section className="panel progress">
      <FocusedHeading>{view.check ? `Checking ${name}` : `${name} runs for a program`}</FocusedHeading>
      <p className="quiet">
        {view.check
          ? "The tool is asked whether its connection works. The card tells what it found."
          : "The program that started it has its input and output, so that there is no terminal to show."}{" "}
        {view.startedAt && <Running since={view.startedAt} />}
      </p>
    </section>
  );
}

function doing(view: RunView | undefined, isUnreachable: boolean): string {
  if (isUnreachable) return "The server can't be reached. This page goes on by itself.";
  if (view?.state === "queued") return "All machines are in use. Yours starts by itself.";
  return runPhases(view).find(({ state }) => state === "active")?.detail ?? "Asking the server";
}
