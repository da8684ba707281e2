//! What stands in the place of the desktop until its first picture, and of code or link until the CLI has given it.

import { useEffect, useState } from "react";
import type { SessionView } from "../api/types";
import { duration, type PhaseView } from "../session/phases";
import { FocusedHeading } from "./parts";
import { Steps } from "./Steps";

/** How often the running time is drawn. */
const TICK_MS = 100;

interface ProgressProps {
  name: string;
  phases: readonly PhaseView[];
  /** When the person clicked, until the session says when it was made. */
  clickedAt: number;
  view: SessionView | undefined;
}

export function Progress({ name, phases, clickedAt, view }: ProgressProps) {
  const isQueued = view?.state === "queued";
  const doing = phases.find(({ state }) => state === "active")?.detail;
  return (
    <section className="panel progress">
      <FocusedHeading>{headingOf(view)}</FocusedHeading>
      <p className="quiet">
        <span aria-live="polite">
          {isQueued
            ? `All machines are in use. ${before(view.ahead ?? undefined)}`
            : (doing ?? `You sign in to ${name} in a moment`)}
        </span>
        <Running since={view?.createdAt ?? clickedAt} />
      </p>
      <Steps phases={phases} />
    </section>
  );
}

function headingOf(view: SessionView | undefined): string {
  if (view?.state === "queued") return "Waiting for a machine";
  const isDone = view?.steps.some(({ step }) => step === "cli-succeeded");
  return isDone ? "Saving your sign-in" : "Preparing your machine";
}

function before(ahead: number | undefined): string {
  if (ahead === undefined) return "";
  if (ahead === 0) return "Yours is the next.";
  return ahead === 1 ? "One sign-in is before yours." : `${ahead} sign-ins are before yours.`;
}

export function Running({ since }: { since: number }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <span className="running" aria-hidden="true">
      {duration(Math.max(0, now - since))}
    </span>
  );
}
