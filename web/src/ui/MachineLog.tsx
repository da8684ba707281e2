//! What one machine wrote: until now, or until it failed.

import { useEffect, useState } from "react";
import type { MachineLog as Log } from "../api/types";
import { logOf } from "../app/machines";
import { ago } from "../app/time";
import { Header } from "./Header";
import { short } from "./Machines";
import { CopyButton, FocusedHeading, Time } from "./parts";

export function MachineLog({ id }: { id: string }) {
  const [log, setLog] = useState<Log | string>();
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each round reads it anew
  useEffect(() => {
    const shown = new AbortController();
    void logOf(id, shown.signal).then((got) => {
      if (!shown.signal.aborted) setLog(got);
    });
    return () => shown.abort();
  }, [id, round]);
  return (
    <div className="page">
      <Header at="machines" />
      <main className="dashboard machines">
        <FocusedHeading>
          Log of <code>{short(id)}</code>
        </FocusedHeading>
        <p className="lead">
          The machine's own log: its agent's, with what X server, browser and CLI complained of. What looks
          like a secret is masked.
        </p>
        {typeof log === "string" && (
          <p className="notice" role="alert">
            {log}
          </p>
        )}
        {typeof log === "object" && <Written log={log} id={id} onAgain={() => setRound(round + 1)} />}
      </main>
    </div>
  );
}

function Written({ log: { log, failed }, id, onAgain }: { log: Log; id: string; onAgain: () => void }) {
  return (
    <section className="panel list-panel">
      <dl className="facts">
        <dt>Machine</dt>
        <dd>
          <code>{id}</code>
        </dd>
        {failed && (
          <>
            <dt>Failed</dt>
            <dd>
              <Time at={failed.failedAt}>{ago(failed.failedAt, Date.now())}</Time>
            </dd>
            <dt>Why</dt>
            <dd className="failed-why">{failed.reason.detail}</dd>
          </>
        )}
      </dl>
      {log ? (
        <section className="machine-log" aria-label="Log">
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard */}
          <pre tabIndex={0}>{log}</pre>
        </section>
      ) : (
        <p className="quiet">It has written nothing.</p>
      )}
      <div className="actions">
        <CopyButton text={log} label="Copy the log" />
        {!failed && (
          <button type="button" className="button" onClick={onAgain}>
            Read again
          </button>
        )}
        <a className="button" href="#/machines">
          All machines
        </a>
      </div>
    </section>
  );
}
