//! The line above a sign-in, with or without a desktop: whose it is, how it stands, what can be done, and its end.

import { type ReactNode, useState } from "react";
import { goToDashboard } from "../app/route";
import type { SignIn, SignInSnapshot } from "../app/signin";
import type { PhaseView } from "../session/phases";
import { BackIcon, StepsIcon } from "./icons";
import { Confirm, Monogram } from "./parts";
import { Steps } from "./Steps";

interface SessionBarProps {
  signIn: SignIn;
  name: string;
  state: SignInSnapshot;
  status: ReactNode;
  /** One sentence; screen readers hear each change of it. */
  says: string;
  /** What can be done besides leaving and cancelling. */
  children: ReactNode;
}

export function SessionBar({ signIn, name, state, status, says, children }: SessionBarProps) {
  const [asking, setAsking] = useState(false);
  return (
    <header className="bar">
      <button
        type="button"
        className="button icon-only"
        aria-label="Back to connections"
        title="Back to connections"
        onClick={goToDashboard}
      >
        <BackIcon />
      </button>
      <Monogram name={name} />
      <h1 className="bar-name">{name}</h1>
      {status}
      <p className="bar-phase" aria-live="polite">
        {says}
      </p>
      {children}
      <button type="button" className="button" disabled={state.cancelling} onClick={() => setAsking(true)}>
        {state.cancelling ? "Cancelling…" : "Cancel"}
      </button>
      {state.cancelFailed && (
        <p className="bar-error error" role="alert">
          The sign-in could not be cancelled. {state.cancelFailed}
        </p>
      )}
      {asking && (
        <Confirm
          title="Cancel this sign-in?"
          confirm="Cancel the sign-in"
          keep="Go on"
          onConfirm={() => {
            setAsking(false);
            void signIn.cancel();
          }}
          onClose={() => setAsking(false)}
        >
          <p>Its machine is destroyed, and nothing is saved.</p>
        </Confirm>
      )}
    </header>
  );
}

interface StepsMenuProps {
  phases: readonly PhaseView[];
  trouble?: string | undefined;
  children?: ReactNode;
}

export function StepsMenu({ phases, trouble, children }: StepsMenuProps) {
  return (
    <>
      <button type="button" className="button" popoverTarget="steps-menu">
        <StepsIcon />
        <span className="wide-only">Steps</span>
      </button>
      <div id="steps-menu" popover="auto" className="menu">
        <h2>Steps</h2>
        <Steps phases={phases} />
        {trouble && <p className="quiet steps-trouble">{trouble}</p>}
        {children}
      </div>
    </>
  );
}
