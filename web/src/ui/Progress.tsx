//! What stands in the desktop's place until its first picture.

import { useEffect, useState } from "react";
import { duration, type PhaseView } from "../session/phases";
import { FocusedHeading } from "./parts";
import { Steps } from "./Steps";

/** How often the running time is drawn. */
const TICK_MS = 100;

interface ProgressProps {
  name: string;
  phases: readonly PhaseView[];
  clickedAt: number;
  /** It waits for a place: how many are before it, once that is known. */
  queue: { ahead: number | undefined } | undefined;
}

export function Progress({ name, phases, clickedAt, queue }: ProgressProps) {
  const doing = phases.find(({ state }) => state === "active")?.detail;
  return (
    <section className="panel progress">
      <FocusedHeading>{queue ? "Waiting for a machine" : "Preparing your machine"}</FocusedHeading>
      <p className="quiet">
        <span aria-live="polite">
          {queue
            ? `All machines are in use. ${before(queue.ahead)}`
            : (doing ?? `You sign in to ${name} on its desktop, in a moment`)}
        </span>
        <Running since={clickedAt} />
      </p>
      <Steps phases={phases} />
    </section>
  );
}

function before(ahead: number | undefined): string {
  if (ahead === undefined) return "";
  if (ahead === 0) return "Yours is the next.";
  return ahead === 1 ? "One sign-in is before yours." : `${ahead} sign-ins are before yours.`;
}

function Running({ since }: { since: number }) {
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
