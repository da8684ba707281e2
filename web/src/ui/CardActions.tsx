//! What can be done with a provider: connect it, open a run, and what is done seldom in a menu.

import type { Provider } from "../api/types";
import { connect } from "../app/current";
import { goToSession } from "../app/route";
import { WAYS } from "../session/methods";
import { MoreIcon } from "./icons";
import { Menu, MenuItem } from "./Menu";
import { MethodMenu } from "./MethodMenu";
import { OpenRun } from "./OpenRun";

/** What the menu opens over the card. */
export type OverCard = "removal";

interface CardActionsProps {
  provider: Provider;
  onFailure: (failure: string | undefined) => void;
  onOpen: (what: OverCard) => void;
}

export function CardActions({ provider, onFailure, onOpen }: CardActionsProps) {
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
      <Connect provider={provider} look={credential ? "" : "primary"} />
      {credential && <More name={name} onOpen={onOpen} />}
    </div>
  );
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

function More({ name, onOpen }: { name: string; onOpen: (what: OverCard) => void }) {
  const label = `More of ${name}`;
  return (
    <div className="card-more">
      <Menu of={label} className="card-menu" look="icon-only" label={label} face={<MoreIcon />}>
        <MenuItem onClick={() => onOpen("removal")}>Remove…</MenuItem>
      </Menu>
    </div>
  );
}
