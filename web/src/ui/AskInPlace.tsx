//! A button that asks beside itself before it acts: for rows, in which a dialog would hide what it is about.

import { type KeyboardEvent, type ReactNode, useRef, useState } from "react";

interface AskInPlaceProps {
  /** What is on the button. */
  face: ReactNode;
  /** The button's look beside `button`. */
  look: string;
  /** What happens, for those who are about to do it. */
  question: ReactNode;
  confirm: string;
  busy: string;
  keep: string;
  /** Says what went wrong, if anything. */
  act: () => Promise<ReactNode>;
}

export function AskInPlace({ face, look, question, confirm, busy, keep, act }: AskInPlaceProps) {
  const [isAsking, setAsking] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ReactNode>();
  const button = useRef<HTMLButtonElement>(null);
  const ask = (isAsked: boolean) => {
    // What went wrong has to be seen.
    if (isBusy) return;
    setAsking(isAsked);
    setFailure(undefined);
    if (!isAsked) button.current?.focus();
  };
  const leave = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    // It closes the question alone, and not the dialog around it.
    event.preventDefault();
    event.stopPropagation();
    ask(false);
  };
  const go = async () => {
    if (isBusy) return;
    setBusy(true);
    const failed = await act();
    setBusy(false);
    setFailure(failed);
    if (failed === undefined) setAsking(false);
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        className={`button ${look}`}
        aria-expanded={isAsking}
        onClick={() => ask(!isAsking)}
      >
        {face}
      </button>
      {isAsking && (
        <fieldset className="in-place" onKeyDown={leave}>
          <legend className="off-screen">{confirm}</legend>
          <p className="quiet">{question}</p>
          {failure !== undefined && (
            <p className="error" role="alert">
              {failure}
            </p>
          )}
          <div className="actions">
            {/* biome-ignore lint/a11y/noAutofocus: the focus begins at the harmless choice */}
            <button type="button" className="button" autoFocus onClick={() => ask(false)}>
              {keep}
            </button>
            <button type="button" className="button danger" aria-disabled={isBusy} onClick={() => void go()}>
              {isBusy ? busy : confirm}
            </button>
          </div>
        </fieldset>
      )}
    </>
  );
}
