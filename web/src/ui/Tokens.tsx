//! The person's tokens: what each may do, when it was used and how long it lives; new ones, and revoking.

import { useCallback, useEffect, useRef, useState } from "react";
import type { TokenMade, TokenView } from "../api/types";
import { inWords } from "../app/scopes";
import { useStore } from "../app/store";
import { ago, until } from "../app/time";
import { refreshTokens, revokeToken, tokens } from "../app/tokens";
import { AskInPlace } from "./AskInPlace";
import { Header } from "./Header";
import { NewToken } from "./NewToken";
import { FocusedHeading, Time } from "./parts";
import { TokenValue } from "./TokenValue";

/** What is open above the list. */
type Open = { at: "nothing" } | { at: "form" } | { at: "value"; made: TokenMade };

export function Tokens() {
  const [open, setOpen] = useState<Open>({ at: "nothing" });
  const opener = useRef<HTMLButtonElement>(null);
  useFresh();
  const close = useCallback(() => {
    setOpen({ at: "nothing" });
    opener.current?.focus();
  }, []);
  return (
    <div className="page">
      <Header at="tokens" />
      <main className="dashboard tokens">
        <div className="list-head">
          <FocusedHeading>Tokens</FocusedHeading>
          <button
            ref={opener}
            type="button"
            className="button primary"
            aria-expanded={open.at !== "nothing"}
            aria-disabled={open.at !== "nothing"}
            onClick={() => open.at === "nothing" && setOpen({ at: "form" })}
          >
            New token
          </button>
        </div>
        <p className="lead">
          With a token, programs and other computers use this server as you, as far as the token goes.
        </p>
        {open.at === "form" && <NewToken onMade={(made) => setOpen({ at: "value", made })} onClose={close} />}
        {open.at === "value" && <TokenValue made={open.made} onClose={close} />}
        <Loaded />
      </main>
    </div>
  );
}

function useFresh() {
  useEffect(() => {
    const fresh = () => {
      if (document.visibilityState === "visible") void refreshTokens();
    };
    void refreshTokens();
    document.addEventListener("visibilitychange", fresh);
    return () => document.removeEventListener("visibilitychange", fresh);
  }, []);
}

function Loaded() {
  const now = useStore(tokens);
  switch (now.state) {
    case "loading":
      return <section className="panel list-panel" aria-busy="true" aria-label="Loading" />;
    case "failed":
      return (
        <div className="notice" role="alert">
          <p>The list of tokens could not be fetched. {now.detail}</p>
          <button type="button" className="button" onClick={() => void refreshTokens()}>
            Try again
          </button>
        </div>
      );
    case "loaded":
      return <List list={now.tokens} />;
  }
}

function List({ list }: { list: readonly TokenView[] }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const [revoked, setRevoked] = useState<string>();
  const count = list.length;
  const gone = (name: string) => {
    setRevoked(name);
    // Its row has gone, with the focus in it.
    heading.current?.focus();
  };
  return (
    <section className="panel list-panel">
      <h2 ref={heading} tabIndex={-1}>
        {count === 0 ? "You have no tokens" : count === 1 ? "One token" : `${count} tokens`}
      </h2>
      <p className="off-screen" role="status">
        {revoked !== undefined && `The token ${revoked} is revoked.`}
      </p>
      {count > 0 && (
        <ul>
          {list.map((token) => (
            <Row key={token.id} token={token} onRevoked={() => gone(token.name)} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Row({ token, onRevoked }: { token: TokenView; onRevoked: () => void }) {
  const { id, name, scopes } = token;
  const revoke = async () => {
    const failed = await revokeToken(id);
    if (failed !== undefined) return `It was not revoked. ${failed}`;
    onRevoked();
  };
  return (
    <li className="row token-row" data-token={id}>
      <div>
        <h3>{name}</h3>
        <p className="quiet">{inWords(scopes)}</p>
      </div>
      <p className="quiet">
        <Used token={token} />
      </p>
      <Expiry token={token} />
      <AskInPlace
        face={
          <>
            Revoke <span className="off-screen">{name}</span>
          </>
        }
        look="plain"
        question="Whatever uses this token is refused from now on. It can't be brought back."
        confirm="Revoke it"
        busy="Revoking…"
        keep="Keep it"
        act={revoke}
      />
    </li>
  );
}

function Used({ token: { lastUsedAt } }: { token: TokenView }) {
  if (lastUsedAt == null) return "Never used";
  return (
    <>
      Used <Time at={lastUsedAt}>{ago(lastUsedAt, Date.now())}</Time>
    </>
  );
}

function Expiry({ token: { expiresAt } }: { token: TokenView }) {
  const left = until(expiresAt, Date.now());
  return (
    <p className={left === undefined ? "error" : "quiet"}>
      <Time at={expiresAt}>{left === undefined ? "Expired" : `Expires ${left}`}</Time>
    </p>
  );
}
