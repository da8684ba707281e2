//! What the browser says that makes a connection doubtful. It decides nothing and ends with its signal.

import { type Doubt, type Look, slept } from "./doubt";
import { TICK_MS } from "./limits";

/** Calls back with each doubt. */
export function listenForDoubts(tell: (doubt: Doubt) => void, signal: AbortSignal): void {
  const on = (target: EventTarget | undefined, type: string, doubt: Doubt) =>
    target?.addEventListener(type, () => tell(doubt), { signal });
  on(globalThis, "online", "network-back");
  on(globalThis, "pageshow", "page-shown");
  on((navigator as Navigator & { connection?: EventTarget }).connection, "change", "network-differs");
  let last: Look = { at: Date.now(), visible: isVisible() };
  const look = () => {
    const before = last;
    last = { at: Date.now(), visible: isVisible() };
    if (slept(before, last.at)) tell("computer-slept");
    else if (last.visible && !before.visible) tell("page-shown");
  };
  document.addEventListener("visibilitychange", look, { signal });
  const timer = setInterval(look, TICK_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

export function isVisible(): boolean {
  return document.visibilityState === "visible";
}
