//! The place of a run's terminal, and what is said over it: that the connection is away, where a link leads, what was copied.

import { useEffect, useRef } from "react";
import { useStore } from "../app/store";
import type { LinkState } from "../terminal/link";
import { settings } from "../terminal/settings";
import type { RunTerminal, TerminalSnapshot } from "../terminal/terminal";
import { wheelByTouch } from "../terminal/touch";
import { RunKeys } from "./RunKeys";
import { RunSearch } from "./RunSearch";

interface RunStageProps {
  terminal: RunTerminal;
  now: TerminalSnapshot;
  isEnded: boolean;
  isSearching: boolean;
  onSearch: (isSearching: boolean) => void;
}

export function RunStage({ terminal, now, isEnded, isSearching, onSearch }: RunStageProps) {
  const place = useRef<HTMLDivElement>(null);
  const { fontPx } = useStore(settings);
  useSeenHeight();
  useEffect(() => {
    if (!place.current) return;
    const leave = terminal.attach(place.current);
    const endTouch = wheelByTouch(place.current);
    terminal.focus();
    return () => {
      leave();
      endTouch();
    };
  }, [terminal]);
  useEffect(() => {
    terminal.shortcuts = { search: () => onSearch(true), leave: leaveTerminal };
  }, [terminal, onSearch]);
  const endSearch = () => {
    onSearch(false);
    terminal.focus();
  };
  return (
    <main className="run-stage" data-font-px={fontPx}>
      <div className="terminal-place" ref={place} />
      {isSearching && <RunSearch terminal={terminal} onClose={endSearch} />}
      {!isEnded && <Away link={now.link} onRetry={() => terminal.retry()} />}
      {now.followed && !isEnded && (
        <p className="run-followed" role="status">
          Another device sets the size: {now.followed.columns} × {now.followed.rows}. It is this one's when
          you type here.
        </p>
      )}
      {now.address && <p className="run-address">{now.address}</p>}
      <p className="run-notice" role="status">
        {now.notice && <span className="toast">{now.notice}</span>}
      </p>
      {!isEnded && <RunKeys terminal={terminal} />}
    </main>
  );
}

function Away({ link, onRetry }: { link: LinkState; onRetry: () => void }) {
  if (link.at !== "away") return null;
  const waiting = link.waiting > 0 ? ` What you typed (${link.waiting} bytes) is sent then.` : "";
  return (
    <div className="pill run-away" role="status">
      <span>The connection is away. The CLI goes on; this page comes back by itself.{waiting}</span>
      <button type="button" className="button" onClick={onRetry}>
        Try now
      </button>
    </div>
  );
}

/** The keyboard goes to the first button of the bar. */
function leaveTerminal(): void {
  document.querySelector<HTMLElement>(".bar .button")?.focus();
}

/** A telephone's keyboard covers the page's lower part, and the terminal with what is typed is there. */
function useSeenHeight() {
  useEffect(() => {
    const seen = window.visualViewport;
    if (!seen) return;
    const root = document.documentElement;
    const follow = () => root.style.setProperty("--seen-height", `${Math.round(seen.height)}px`);
    follow();
    seen.addEventListener("resize", follow);
    return () => {
      seen.removeEventListener("resize", follow);
      root.style.removeProperty("--seen-height");
    };
  }, []);
}
