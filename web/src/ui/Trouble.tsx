//! What is said over the desktop when its picture is lost: little at first, since the page helps itself; the cause and
//! a remedy when it does not help. And that the desktop is somewhere else, where it is.

import type { ReactNode } from "react";
import { CAUSES } from "../session/reasons";
import type { Cause } from "../viewer/machine";
import type { ViewerSnapshot } from "../viewer/viewer";

/** After so many failures in a row a person should know what to look at. */
const EXPLAIN_AFTER = 3;

/** Causes that the connection's own page says more about. */
const OF_THE_PATH = new Set<Cause>(["ice-timeout", "ice-failed", "dtls-timeout", "connection-silent"]);

/** Whether the person has to know: then it stands in the place of the progress. */
export function needsExplaining({ phase, cause, failures }: ViewerSnapshot): boolean {
  if (phase.at === "live" || !cause || cause === "no-picture-yet") return false;
  return failures >= EXPLAIN_AFTER || phase.at === "reposting";
}

interface TroubleProps {
  viewer: ViewerSnapshot;
  onRetry: () => void;
  /** What else helps where no connection comes about, though the server is there. */
  children?: ReactNode;
}

export function Trouble({ viewer, onRetry, children }: TroubleProps) {
  const { phase, cause, pictured } = viewer;
  if (phase.at === "live" || !cause) return null;
  if (needsExplaining(viewer)) {
    const { title, remedy } = CAUSES[cause];
    return (
      <section className="panel trouble" role="alert" data-cause={cause}>
        <h2>{title}</h2>
        <p>{remedy}</p>
        <div className="actions">
          <button
            type="button"
            className="button"
            disabled={phase.at !== "waiting" && phase.at !== "reposting"}
            onClick={onRetry}
          >
            Try now
          </button>
          {OF_THE_PATH.has(cause) && (
            <a className="button" href="#/connection">
              Check the connection
            </a>
          )}
          {cause !== "controller-unreachable" && children}
        </div>
      </section>
    );
  }
  return pictured ? (
    <p className="pill" data-cause={cause}>
      {CAUSES[cause].title}. Connecting again…
    </p>
  ) : null;
}

/** Another page has the desktop. This one never takes it back by itself. */
export function Elsewhere({ onTakeOver, onWatch }: { onTakeOver: () => void; onWatch: () => void }) {
  return (
    <section className="panel trouble" role="alert">
      <h2>This desktop is shown elsewhere</h2>
      <p>Another window or tab has it now, with its mouse and keys. Your sign-in goes on there.</p>
      <div className="actions">
        <button type="button" className="button primary" onClick={onTakeOver}>
          Take back
        </button>
        <button type="button" className="button" onClick={onWatch}>
          View only
        </button>
      </div>
    </section>
  );
}
