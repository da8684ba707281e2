//! What a restricted machine asked for and was refused, each with a way to allow it, and what the person has allowed.

import type { HostsView } from "../api/types";
import type { SignIn } from "../app/signin";
import { WallIcon } from "./icons";

interface HostsProps {
  signIn: SignIn;
  hosts: HostsView;
  /** Why the last change did not happen. */
  failed: string | undefined;
}

export function HostsMenu({ signIn, hosts, failed }: HostsProps) {
  const { refused, allowed } = hosts;
  const count = refused.length;
  return (
    <>
      <button
        type="button"
        className="button hosts-button"
        popoverTarget="hosts-menu"
        title="This machine reaches only the hosts on its list."
      >
        <WallIcon />
        <span className="wide-only">Hosts</span>
        {count > 0 && <span className="count">{count}</span>}
        <span className="off-screen" aria-live="polite">
          {count === 0 ? "" : count === 1 ? "One host was refused" : `${count} hosts were refused`}
        </span>
      </button>
      <div id="hosts-menu" popover="auto" className="menu">
        <h2>Hosts</h2>
        <p className="quiet">
          This machine reaches only the hosts on its list. When a page of your sign-in stays empty, allow the
          host that it needs, and load the page again.
        </p>
        {count === 0 ? (
          <p className="hosts-none">Nothing was refused yet.</p>
        ) : (
          <ul className="hosts" aria-label="Refused">
            {[...refused].reverse().map(({ host }) => (
              <li key={host} className="hosts-row" data-refused={host}>
                <span className="host">{host}</span>
                <button
                  type="button"
                  className="button"
                  aria-label={`Allow ${host}`}
                  onClick={() => void signIn.allow(host)}
                >
                  Allow
                </button>
              </li>
            ))}
          </ul>
        )}
        {allowed.length > 0 && (
          <>
            <h3>Allowed by you, for later sign-ins too</h3>
            <ul className="hosts" aria-label="Allowed">
              {allowed.map((host) => (
                <li key={host} className="hosts-row" data-allowed={host}>
                  <span className="host">{host}</span>
                  <button
                    type="button"
                    className="button"
                    aria-label={`Take ${host} back`}
                    onClick={() => void signIn.disallow(host)}
                  >
                    Take back
                  </button>
                </li>
              ))}
            </ul>
          </>
        )}
        {failed && (
          <p className="error" role="alert">
            The list was not changed. {failed}
          </p>
        )}
      </div>
    </>
  );
}
