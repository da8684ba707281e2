//! One provider: what it is, whether it is connected since when and by whom, and what can be done.

import { useState } from "react";
import type { Credential, Provider } from "../api/types";
import { remove } from "../app/providers";
import { goToSession } from "../app/route";
import { connect } from "../app/signin";
import { ago, exactly } from "../app/time";
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
      <Facts credential={credential ?? undefined} />
      {failure && (
        <p className="error" role="alert">
          {failure}
        </p>
      )}
      <Actions provider={provider} onRemove={() => setAsking(true)} />
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

/** Three rows in any case, so that cards stay aligned and nothing jumps when one is connected. */
function Facts({ credential }: { credential: Credential | undefined }) {
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
    </dl>
  );
}

function Actions({ provider, onRemove }: { provider: Provider; onRemove: () => void }) {
  const { id, name, session, credential } = provider;
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
      <button type="button" className={credential ? "button" : "button primary"} onClick={() => connect(id)}>
        {credential ? "Reconnect" : "Connect"} <span className="off-screen">{name}</span>
      </button>
      {credential && (
        <button type="button" className="button plain" onClick={onRemove}>
          Remove <span className="off-screen">{name}</span>
        </button>
      )}
    </div>
  );
}
