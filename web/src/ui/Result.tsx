//! How a sign-in ended: saved, or why not and what helps.

import type { Problem, Provider, SessionView } from "../api/types";
import { connect, leaveResult } from "../app/current";
import type { SignIn } from "../app/signin";
import { useStore } from "../app/store";
import { duration, phasesOf } from "../session/phases";
import { explained } from "../session/reasons";
import { AlertIcon, CheckIcon } from "./icons";
import { MethodMenu } from "./MethodMenu";
import { FocusedHeading } from "./parts";
import { Steps } from "./Steps";

interface ResultProps {
  signIn: SignIn;
  name: string;
  provider: Provider | undefined;
  /** What the server said, when it knows of no such session or wants none. */
  refused: Problem | undefined;
}

export function Result({ signIn, name, provider, refused }: ResultProps) {
  const { view } = useStore(signIn.state);
  const isSuccess = view?.state === "succeeded";
  return (
    <div className="page">
      <main className="centred">
        {isSuccess && view ? (
          <Success view={view} name={name} account={provider?.credential?.account ?? undefined} />
        ) : (
          <Failure signIn={signIn} name={name} provider={provider} refused={refused} />
        )}
      </main>
    </div>
  );
}

function Success({ view, name, account }: { view: SessionView; name: string; account: string | undefined }) {
  const took = view.endedAt ? duration(view.endedAt - view.createdAt) : "";
  return (
    <section className="panel result success" data-result="succeeded">
      <span className="seal good">
        <CheckIcon />
      </span>
      <FocusedHeading>{name} is connected</FocusedHeading>
      <dl className="facts">
        <dt>Account</dt>
        <dd>{account ?? "Not told by the CLI"}</dd>
        <dt>Credential</dt>
        <dd>Sealed in the vault</dd>
        <dt>Machine</dt>
        <dd>
          <Machine view={view} />
        </dd>
        <dt>Took</dt>
        <dd>{took}</dd>
      </dl>
      <div className="actions">
        <button type="button" className="button primary" onClick={leaveResult}>
          Done
        </button>
      </div>
    </section>
  );
}

function Machine({ view }: { view: SessionView }) {
  const isGone = view.steps.some(({ step }) => step === "machine-destroyed");
  return (
    <span aria-live="polite" data-machine={isGone ? "gone" : "going"}>
      {isGone ? "Destroyed" : "Being destroyed…"}
    </span>
  );
}

function Failure({ signIn, name, provider, refused }: ResultProps) {
  const { view, provider: id, method } = useStore(signIn.state);
  const others = provider?.methods.filter((other) => other !== method) ?? [];
  const told = explain(view, refused);
  const isChosen = view?.reason?.code === "cancelled-by-person";
  return (
    <section
      className="panel result failure"
      data-result={view?.state ?? "refused"}
      data-reason={view?.reason?.code}
    >
      <span className={isChosen ? "seal" : "seal bad"}>
        <AlertIcon />
      </span>
      <FocusedHeading>{told.title}</FocusedHeading>
      <p>{told.remedy}</p>
      {told.detail && !isChosen && <p className="detail">{told.detail}</p>}
      {view && <HowFar view={view} />}
      <div className="actions">
        {id && method && (
          <button type="button" className="button primary" onClick={() => connect(id, method)}>
            Try again <span className="off-screen">with {name}</span>
          </button>
        )}
        {id && others.length > 0 && (
          <MethodMenu methods={others} look="" onChoose={(chosen) => connect(id, chosen)}>
            Sign in another way
          </MethodMenu>
        )}
        <button type="button" className="button" onClick={leaveResult}>
          Back to connections
        </button>
      </div>
    </section>
  );
}

function HowFar({ view }: { view: SessionView }) {
  return (
    <details className="how-far">
      <summary>How far it came</summary>
      <Steps
        phases={phasesOf(view).map((phase) => ({
          ...phase,
          state: phase.state === "done" ? "done" : "open",
        }))}
      />
    </details>
  );
}

interface Told {
  title: string;
  remedy: string;
  detail: string | undefined;
}

function explain(view: SessionView | undefined, refused: Problem | undefined): Told {
  if (view?.reason) return { ...explained(view.reason.code, view.method), detail: view.reason.detail };
  if (refused?.status === 404) {
    return {
      title: "There is no such sign-in",
      remedy: "It may be somebody else's, or long over.",
      detail: undefined,
    };
  }
  return {
    title: refused?.title ?? "The sign-in has ended",
    remedy: refused?.detail ?? "The server did not say why. Start again.",
    detail: undefined,
  };
}
