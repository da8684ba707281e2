//! One provider: what it is, whether it is connected since when and by whom, and what can be done.

import { useState } from "react";
import type { Credential, Holder, Provider } from "../api/types";
import { connect } from "../app/current";
import { remove } from "../app/providers";
import { addressOfRun, goToSession } from "../app/route";
import { ago, clock, exactly } from "../app/time";
import { WAYS } from "../session/methods";
import { MethodMenu } from "./MethodMenu";
import { OpenRun } from "./OpenRun";
import { Confirm, Monogram } from "./parts";

export function ProviderCard({ provider }: { provider: Provider }) {
  const [asking, setAsking] = useState(false);
  const [failure, setFailure] = useState<string>();
  const { credential } = provider;
  const drop = async (id: string) => {
    setAsking(false);
    setFailure(await remove(id));
  };
  return (
    <li className="card" data-provider={provider.id}>
      <div className="card-head">
        <Monogram name={provider.name} />
        <div className="card-name">
          <h2>{provider.name}</h2>
          <p className="quiet">{provider.vendor}</p>
        </div>
        <Status provider={provider} />
      </div>
      <p className="card-text">{provider.description}</p>
      <Facts credential={credential ?? undefined} name={provider.name} />
      {failure && (
        <p className="error" role="alert">
          {failure}
        </p>
      )}
      <Actions provider={provider} onFailure={setFailure} onRemove={() => setAsking(true)} />
      {asking && credential && (
        <Confirm
          title={`Remove ${provider.name}?`}
          confirm="Remove"
          keep="Keep it"
          onConfirm={() => void drop(credential.id)}
          onClose={() => setAsking(false)}
        >
          <p>
            The sealed credential is deleted here for good. {provider.vendor} is not told: to end the sign-in
            there too, use your account's settings.
          </p>
        </Confirm>
      )}
    </li>
  );
}

function Status({ provider }: { provider: Provider }) {
  if (provider.session?.state === "queued") return <span className="status busy">Waiting for a machine</span>;
  if (provider.session) return <span className="status busy">Signing in</span>;
  if (provider.credential) return <span className="status good">Connected</span>;
  return <span className="status">Not connected</span>;
}

/** Four rows in any case, so that cards stay aligned and nothing jumps when one is connected. */
function Facts({ credential, name }: { credential: Credential | undefined; name: string }) {
  return (
    <dl className={credential ? "facts" : "facts none"}>
      <dt>Account</dt>
      <dd>{credential ? (credential.account ?? "Not told by the CLI") : "—"}</dd>
      <dt>Connected</dt>
      <dd>
        {credential ? (
          <time
            dateTime={new Date(credential.connectedAt).toISOString()}
            title={exactly(credential.connectedAt)}
          >
            {ago(credential.connectedAt, Date.now())}
          </time>
        ) : (
          "—"
        )}
      </dd>
      <dt>By</dt>
      <dd>{credential?.connectedBy ?? "—"}</dd>
      <dt>In use</dt>
      <dd>{credential?.holder ? <HeldBy holder={credential.holder} name={name} /> : "—"}</dd>
    </dl>
  );
}

/** A credential that rotates is one run's at a time. */
function HeldBy({ holder: { runId, since }, name }: { holder: Holder; name: string }) {
  return (
    <>
      by{" "}
      <a href={addressOfRun(runId)} data-holder={runId}>
        a run<span className="off-screen"> of {name}</span>
      </a>{" "}
      since{" "}
      <time dateTime={new Date(since).toISOString()} title={exactly(since)}>
        {clock(since, Date.now())}
      </time>
    </>
  );
}

interface ActionsProps {
  provider: Provider;
  onFailure: (failure: string | undefined) => void;
  onRemove: () => void;
}

function Actions({ provider, onFailure, onRemove }: ActionsProps) {
  const { id, name, session, credential, runnable } = provider;
  if (session) {
    return (
      <div className="actions">
        <button type="button" className="button primary" onClick={() => goToSession(session.sessionId)}>
          Continue <span className="off-screen">signing in to {name}</span>
        </button>
      </div>
    );
  }
  return (
    <div className="actions">
      {credential && runnable && <OpenRun provider={id} name={name} onFailure={onFailure} />}
      <Connect provider={provider} />
      {credential && (
        <button type="button" className="button plain" onClick={onRemove}>
          Remove <span className="off-screen">{name}</span>
        </button>
      )}
    </div>
  );
}

/** The way that this person took last, at one click; the others beside it. */
function Connect({ provider }: { provider: Provider }) {
  const { id, name, credential, method, methods } = provider;
  const look = credential ? "" : "primary";
  const hasOthers = methods.length > 1;
  return (
    <div className={hasOthers ? "split" : undefined}>
      <button
        type="button"
        className={`button ${look}`}
        title={hasOthers ? WAYS[method] : undefined}
        onClick={() => connect(id, method)}
      >
        {credential ? "Reconnect" : "Connect"} <span className="off-screen">{name}</span>
      </button>
      {hasOthers && (
        <MethodMenu
          methods={methods}
          marked={method}
          look={look}
          label={`Other ways to sign in to ${name}`}
          onChoose={(chosen) => connect(id, chosen)}
        />
      )}
    </div>
  );
}
