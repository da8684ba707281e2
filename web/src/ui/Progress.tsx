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
}

export function Progress({ name, phases, clickedAt }: ProgressProps) {
  const doing = phases.find(({ state }) => state === "active")?.detail;
  return (
    <section className="panel progress">
      <FocusedHeading>Preparing your machine</FocusedHeading>
      <p className="quiet">
        <span>{doing ?? `You sign in to ${name} on its desktop, in a moment`}</span>
        <Running since={clickedAt} />
      </p>
      <Steps phases={phases} />
    </section>
  );
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
