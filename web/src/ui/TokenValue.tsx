//! A new token's value, shown this once. It is a secret: it stands in the state of the view that shows it and in nothing that
//! outlives it, and in no field, since browsers remember what fields had.

import { useEffect, useRef } from "react";
import type { TokenMade } from "../api/types";
import { CopyButton, OpenedPanel } from "./parts";

export function TokenValue({ made, onClose }: { made: TokenMade; onClose: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  useEffect(() => {
    // A browser may keep a page that was left, to bring it back as it was.
    addEventListener("pagehide", onClose);
    return () => removeEventListener("pagehide", onClose);
  }, [onClose]);
  return (
    <OpenedPanel name="The new token" className="list-panel" onClose={onClose}>
      <h2 ref={heading} tabIndex={-1}>
        Copy the token {made.view.name} now
      </h2>
      <p className="quiet">It is shown only this once. Whoever has it can do what it may do, as you.</p>
      <div className="code-row">
        {/* Not a live region: nothing reads a secret out unasked. */}
        <code className="code token-value" data-token-value>
          {made.token}
        </code>
        <CopyButton text={made.token} label="Copy token" />
      </div>
      <p className="quiet">
        On another computer, run <code>anteroom login {location.origin}</code> and paste it there. A program
        sends it with each call, as <code>Authorization: Bearer</code> and the token.
      </p>
      <div className="actions">
        <button type="button" className="button primary" onClick={onClose}>
          Done
        </button>
      </div>
    </OpenedPanel>
  );
}
