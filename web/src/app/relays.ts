//! Relays for the next click, asked for while the dashboard is shown, so that the click itself waits for no call.

import { isVisible } from "../viewer/network";
import { Relays } from "../viewer/relays";

export const clickRelays = new Relays();

/** Keeps them known until `signal`, while the page is seen. */
export function keepKnown(signal: AbortSignal): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = async () => {
    clearTimeout(timer);
    if (!isVisible() || signal.aborted) return;
    if (!clickRelays.known()) await clickRelays.refresh();
    clearTimeout(timer);
    if (!signal.aborted) timer = setTimeout(() => void ask(), clickRelays.dueMs);
  };
  document.addEventListener("visibilitychange", () => void ask(), { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  void ask();
}
