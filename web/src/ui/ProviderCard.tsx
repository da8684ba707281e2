//! One provider: what it is, whether it is connected since when and by whom, and what can be done.

import { useState } from "react";
import type { Credential, Provider } from "../api/types";
import { type Health, healthOf } from "../app/health";
import { remove } from "../app/providers";
import { ago } from "../app/time";
import { CardActions, type OverCard } from "./CardActions";
import { HeldBy } from "./Holder";
import { Confirm, Monogram, Time } from "./parts";
import { Versions } from "./Versions";

export function ProviderCard({ provider }: { provider: Provider }) {
  const [over, setOver] = useState<OverCard>();
  const [failure, setFailure] = useState<string>();
  const credential: Credential | undefined = provider.credential ?? undefined;
  const health = credential && healthOf(credential, Date.now());
  const close = () => setOver(undefined);
  const drop = async (id: string) => {
    close();
    setFailure(await remove(id));
  };
  return (
    <li className="card" data-provider={provider.id} data-health={health?.at}>
      <div className="card-head">
        <Monogram name={provider.name} />
        <div className="card-name">
          <h2>{provider.name}</h2>
          <p className="quiet">{provider.vendor}</p>
        </div>
        <Status provider={provider} health={health} />
      </div>
      <Text description={provider.description} health={health} />
      <Facts credential={credential} name={provider.name} />
      {failure && (
        <p className="error" role="alert">
          {failure}
        </p>
      )}
      <CardActions provider={provider} health={health} onFailure={setFailure} onOpen={setOver} />
      {over === "versions" && credential && (
        <Versions id={credential.id} name={provider.name} onClose={close} />
      )}
      {over === "removal" && credential && (
        <Confirm
          title={`Remove ${provider.name}?`}
          confirm="Remove"
          keep="Keep it"
          onConfirm={() => void drop(credential.id)}
          onClose={close}
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

function Status({ provider: { session }, health }: { provider: Provider; health: Health | undefined }) {
  if (session?.state === "queued") return <span className="status busy">Waiting for a machine</span>;
  if (session) return <span className="status busy">Signing in</span>;
  if (!health) return <span className="status">Not connected</span>;
  return <span className={`status ${health.tone}`}>{health.word}</span>;
}

/** What is wrong stands in the place of the description, so that cards stay aligned. */
function Text({ description, health }: { description: string; health: Health | undefined }) {
  if (health?.detail === undefined) return <p className="card-text">{description}</p>;
  return (
    <div className="card-text">
      <p className={`caution ${health.tone}`}>{health.detail}</p>
    </div>
  );
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
          <Time at={credential.connectedAt}>{ago(credential.connectedAt, Date.now())}</Time>
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
