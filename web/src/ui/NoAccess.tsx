//! What a browser without access sees: how to get it.

import { Mark } from "./icons";
import { CopyButton, FocusedHeading } from "./parts";

export function NoAccess() {
  return (
    <main className="centred page">
      <section className="panel result">
        <Mark />
        <FocusedHeading>Open Anteroom with a link</FocusedHeading>
        <p>
          This browser has no access yet, or its access has ended. On the computer where Anteroom runs, make a
          new link and open it here:
        </p>
        <div className="command">
          <code>anteroom link</code>
          <CopyButton text="anteroom link" label="Copy" />
        </div>
        <p className="quiet">Each link works once. Afterwards this browser remembers.</p>
        <div className="actions">
          <button type="button" className="button primary" onClick={() => location.reload()}>
            Try again
          </button>
        </div>
      </section>
    </main>
  );
}
