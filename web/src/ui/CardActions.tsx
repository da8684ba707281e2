//! What can be done with a provider: connect it, open a run, and what is done seldom in a menu.

import type { Provider } from "../api/types";
import { connect } from "../app/current";
import type { Health } from "../app/health";
import { goToSession } from "../app/route";
import { checkCredential } from "../app/runs";
import { WAYS } from "../session/methods";
import { MoreIcon } from "./icons";
import { Menu, MenuItem } from "./Menu";
import { MethodMenu } from "./MethodMenu";
import { OpenRun } from "./OpenRun";

/** What the menu opens over the card. */
export type OverCard = "versions" | "removal";

interface CardActionsProps {
  provider: Provider;
  /** Of a credential, where there is one. */
  health: Health | undefined;
  onFailure: (failure: string | undefined) => void;
  onOpen: (what: OverCard) => void;
}

export function CardActions({ provider, health, onFailure, onOpen }: CardActionsProps) {
  const { name, session } = provider;
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
      {health ? (
        <OfConnected provider={provider} health={health} onFailure={onFailure} />
      ) : (
        <Connect provider={provider} look="primary" />
      )}
      {health && <More provider={provider} onFailure={onFailure} onOpen={onOpen} />}
    </div>
  );
}

/** What helps now comes first. A credential that seems not to work can be tried all the same: its CLI knows best. */
function OfConnected({
  provider,
  health,
  onFailure,
}: Omit<CardActionsProps, "onOpen" | "health"> & { health: Health }) {
  const { id, name, runnable } = provider;
  const isBroken = health.at === "needs-sign-in";
  const look = (isFirst: boolean) => (isFirst ? "primary" : "");
  const open = runnable && (
    <OpenRun key="open" provider={id} name={name} look={look(!isBroken)} onFailure={onFailure} />
  );
  const reconnect = <Connect key="connect" provider={provider} look={look(isBroken)} />;
  return isBroken ? [reconnect, open] : [open, reconnect];
}

/** The way that this person took last, at one click; the others beside it. What is connected stays until the new one is saved. */
function Connect({ provider, look }: { provider: Provider; look: string }) {
  const { id, name, credential, method, methods } = provider;
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

function More({ provider, onFailure, onOpen }: Omit<CardActionsProps, "health">) {
  const { name, credential } = provider;
  const label = `More of ${name}`;
  const check = async (id: string) => onFailure(await checkCredential(id));
  return (
    <div className="card-more">
      <Menu of={label} className="card-menu" look="icon-only" label={label} face={<MoreIcon />}>
        {credential?.checkable && (
          <MenuItem onClick={() => void check(credential.id)}>Check the connection</MenuItem>
        )}
        <MenuItem onClick={() => onOpen("versions")}>Versions…</MenuItem>
        <MenuItem onClick={() => onOpen("removal")}>Remove…</MenuItem>
      </Menu>
    </div>
  );
}
