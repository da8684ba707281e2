//! The desktop without input: the place for the watcher's picture, and what is said while it has none. No key and no click
//! goes to the machine from here.

import { useEffect, useRef } from "react";
import { useStore } from "../app/store";
import type { Watcher } from "../viewer/whep";
import { Trouble } from "./Trouble";

export function Watched({ watcher, isTaking }: { watcher: Watcher; isTaking: boolean }) {
  const surface = useRef<HTMLDivElement>(null);
  const snapshot = useStore(watcher);
  const { phase, cause, pictured } = snapshot;
  useEffect(() => {
    const place = surface.current;
    if (!place) return;
    const { host } = watcher.picture;
    place.prepend(host);
    watcher.picture.resume();
    return () => {
      // Only from here: another mount may have it already.
      if (host.parentElement === place) host.remove();
    };
  }, [watcher]);
  const isLive = phase.at === "live";
  return (
    <>
      <div
        ref={surface}
        className={isLive ? "surface live watched" : "surface watched"}
        data-watching={phase.at}
        role="img"
        aria-label="The machine's desktop, view only"
      />
      {isTaking && <p className="pill">Taking over…</p>}
      {phase.at === "refused" && (
        <section className="panel trouble" role="alert">
          <h2>The desktop can't be viewed now</h2>
          <p>{phase.problem.detail}</p>
        </section>
      )}
      {!pictured && !cause && phase.at !== "refused" && <p className="pill">Connecting…</p>}
      {!pictured && cause === "no-picture-yet" && <p className="pill">There is no picture yet. Waiting…</p>}
      <Trouble viewer={snapshot} onRetry={() => watcher.retryNow()} />
    </>
  );
}
