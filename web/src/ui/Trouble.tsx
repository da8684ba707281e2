//! What is said over the desktop when its picture is lost: little at first, since the page helps itself; the cause and
//! a remedy when it does not help.

import { CAUSES } from "../session/reasons";
import type { ViewerSnapshot } from "../viewer/viewer";

/** After so many failures in a row a person should know what to look at. */
const EXPLAIN_AFTER = 3;

/** Whether the person has to know: then it stands in the place of the progress. */
export function needsExplaining({ phase, cause, failures }: ViewerSnapshot): boolean {
  if (phase.at === "elsewhere") return true;
  if (phase.at === "live" || !cause) return false;
  return failures >= EXPLAIN_AFTER || phase.at === "reposting";
}

interface TroubleProps {
  viewer: ViewerSnapshot;
  onRetry: () => void;
  onTakeOver: () => void;
}

export function Trouble({ viewer, onRetry, onTakeOver }: TroubleProps) {
  const { phase, cause, pictured } = viewer;
  if (phase.at === "elsewhere") {
    return (
      <section className="panel trouble" role="alert">
        <h2>This desktop is shown elsewhere</h2>
        <p>Another window or tab shows this sign-in now.</p>
        <div className="actions">
          <button type="button" className="button primary" onClick={onTakeOver}>
            Show it here
          </button>
        </div>
      </section>
    );
  }
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
