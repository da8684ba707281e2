//! The first page: what can be connected, and what is.

import { useEffect } from "react";
import type { Provider } from "../api/types";
import { type Providers, providers, refresh } from "../app/providers";
import { keepKnown } from "../app/relays";
import { refreshAll, runs } from "../app/runs";
import { useStore } from "../app/store";
import { Header } from "./Header";
import { ProviderCard } from "./ProviderCard";
import { FocusedHeading } from "./parts";
import { Runs } from "./Runs";

/** How often the list is fetched while a sign-in or a run is there that this page does not show. */
const REFRESH_MS = 5_000;

export function Dashboard() {
  const list = useStore(providers);
  useFresh(list);
  useEffect(() => {
    const shown = new AbortController();
    keepKnown(shown.signal);
    return () => shown.abort();
  }, []);
  return (
    <div className="page">
      <Header at="dashboard" name={list.state === "loaded" ? list.me?.user.name : undefined} />
      <main className="dashboard">
        <FocusedHeading>Connections</FocusedHeading>
        <p className="lead">
          Each sign-in happens in a machine of its own, made for it and destroyed after it. Only the
          credential stays, sealed.
        </p>
        <Cards list={list} />
        <Runs list={list} />
      </main>
    </div>
  );
}

function useFresh(list: Providers) {
  const isOpen = useStore(runs).some(({ state }) => state !== "ended");
  const isRunning = isOpen || (list.state === "loaded" && list.providers.some(isBusy));
  useEffect(() => {
    refreshAll();
    const visible = () => {
      if (document.visibilityState === "visible") refreshAll();
    };
    document.addEventListener("visibilitychange", visible);
    return () => document.removeEventListener("visibilitychange", visible);
  }, []);
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(refreshAll, REFRESH_MS);
    return () => clearInterval(timer);
  }, [isRunning]);
}

/** Somebody signs in, or a run holds the credential: both end without this page. */
function isBusy({ session, credential }: Provider): boolean {
  return Boolean(session ?? credential?.holder);
}

function Cards({ list }: { list: Providers }) {
  switch (list.state) {
    case "loading":
      return (
        <ul className="cards" aria-busy="true" aria-label="Loading">
          <li className="card skeleton" />
          <li className="card skeleton" />
        </ul>
      );
    case "failed":
      return (
        <div className="notice" role="alert">
          <p>The list of providers could not be fetched. {list.detail}</p>
          <button type="button" className="button" onClick={() => void refresh()}>
            Try again
          </button>
        </div>
      );
    case "loaded":
      if (list.providers.length === 0) return <p className="notice">This server has no providers yet.</p>;
      return (
        <ul className="cards">
          {list.providers.map((provider) => (
            <ProviderCard key={provider.id} provider={provider} />
          ))}
        </ul>
      );
  }
}
