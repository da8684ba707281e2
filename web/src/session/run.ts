//! What becomes of a run's view, and how it is told. Pure.

import type { RunEvent, RunState, RunView } from "../api/types";
import type { PhaseView } from "./phases";

const RANK: Record<RunState, number> = { queued: 0, starting: 1, running: 2, saving: 3, ended: 4 };

/** The view after an event. What is older than the view changes nothing: it may have been fetched meanwhile. */
export function heard(view: RunView, event: RunEvent): RunView {
  if (RANK[event.state] <= RANK[view.state]) return view;
  const { state, reason, exitCode } = event;
  return { ...view, state, ...(reason ? { reason } : {}), ...(exitCode == null ? {} : { exitCode }) };
}

/** The newer of two views. */
export function newer(known: RunView | undefined, fetched: RunView): RunView {
  return known && RANK[known.state] > RANK[fetched.state] ? known : fetched;
}

/** Whether there is a terminal to connect to. */
export function hasTerminal(view: RunView): boolean {
  return view.terminal && !view.check && isGoingOn(view);
}

/** Whether it is going on, and there is nothing of it to show. */
export function isWithoutTerminal(view: RunView): boolean {
  return (!view.terminal || view.check === true) && isGoingOn(view);
}

function isGoingOn({ state }: RunView): boolean {
  return state === "running" || state === "saving";
}

const PHASES: readonly { id: string; title: string; detail: string; from: RunState }[] = [
  { id: "place", title: "A place is free", detail: "Waiting for a place", from: "queued" },
  { id: "machine", title: "The machine is ready", detail: "Starting your machine", from: "starting" },
  { id: "terminal", title: "The terminal is open", detail: "Opening the terminal", from: "running" },
];

/** Where a run stands until its terminal is there; each row has its place from the beginning. */
export function runPhases(view: RunView | undefined): PhaseView[] {
  const now = view ? RANK[view.state] : -1;
  return PHASES.map(({ id, title, detail, from }) => {
    const state = now > RANK[from] ? "done" : now === RANK[from] ? "active" : "open";
    return { id, title, detail, state, doneMs: undefined };
  });
}

export const STATES: Record<RunState, { word: string; tone: string }> = {
  queued: { word: "Waiting", tone: "busy" },
  starting: { word: "Starting", tone: "busy" },
  running: { word: "Running", tone: "good" },
  saving: { word: "Saving", tone: "busy" },
  ended: { word: "Ended", tone: "" },
};

/** Words that mean nothing else to a shell. */
const BARE = /^[\w@%+=:,./-]+$/;

/** Arguments as a person would have typed them. */
export function commandLine(words: readonly string[]): string {
  return words.map((word) => (BARE.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}
