//! The code of a run's view, which most visits don't need: fetched when a run is about to be shown. Not by `lazy`: React shows a
//! fallback for 300 ms at least, which is longer than the code and the machine take.

import { Store } from "../app/store";
import type RunView from "./RunView";

/** Pause before code that could not be had is asked for again. */
const AGAIN_MS = 1_000;

/** The view, once its code is there. */
export const runView = new Store<{ readonly View: typeof RunView } | undefined>(undefined);

let isLoading = false;

/** Fetches it, unless it is there or on its way; and the terminal's code beside it. */
export function loadRunView(): void {
  if (isLoading || runView.snapshot()) return;
  isLoading = true;
  // The run itself takes it up, and says what is wrong when it can't be had.
  import("../terminal/terminal").catch(() => undefined);
  import("./RunView")
    .then(({ default: View }) => runView.set({ View }))
    .catch(() => setTimeout(loadRunView, AGAIN_MS))
    .finally(() => {
      isLoading = false;
    });
}
