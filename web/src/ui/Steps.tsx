//! The phases of a sign-in as a list, each with its time. Every row has its place from the beginning.

import { duration, type PhaseView } from "../session/phases";
import { CheckIcon } from "./icons";

const WORDS = { done: "done", active: "now", open: "to come" } as const;

export function Steps({ phases }: { phases: readonly PhaseView[] }) {
  return (
    <ol className="steps">
      {phases.map(({ id, title, state, doneMs }) => (
        <li key={id} className={state} data-phase={id} aria-current={state === "active" ? "step" : undefined}>
          <span className="step-sign">{state === "done" && <CheckIcon />}</span>
          <span className="step-title">
            {title}
            <span className="off-screen">, {WORDS[state]}</span>
          </span>
          <span className="step-time">{doneMs === undefined ? "" : duration(doneMs)}</span>
        </li>
      ))}
    </ol>
  );
}
