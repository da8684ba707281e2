//! What stands in the place of a run's terminal until it is there.

import type { RunView } from "../api/types";
import { runPhases } from "../session/run";
import { Running } from "./Progress";
import { FocusedHeading } from "./parts";
import { Steps } from "./Steps";

interface RunProgressProps {
  name: string;
  view: RunView | undefined;
  isUnreachable: boolean;
}

export function RunProgress({ name, view, isUnreachable }: RunProgressProps) {
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

function doing(view: RunView | undefined, isUnreachable: boolean): string {
  if (isUnreachable) return "The server can't be reached. This page goes on by itself.";
  if (view?.state === "queued") return "All machines are in use. Yours starts by itself.";
  return runPhases(view).find(({ state }) => state === "active")?.detail ?? "Asking the server";
}
