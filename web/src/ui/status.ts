//! Where connection and sign-in stand, in words. Pure.

import type { SessionView } from "../api/types";
import { isPersonsTurn, type PhaseView } from "../session/phases";
import { CAUSES } from "../session/reasons";
import type { ViewerSnapshot } from "../viewer/viewer";

export interface Status {
  tone: "good" | "busy" | "bad";
  word: string;
}

/** The connection in one or two words. `isQueued`: its session waits for a place. */
export function statusOf(viewer: ViewerSnapshot, isQueued = false): Status {
  switch (viewer.phase.at) {
    case "live":
      return { tone: "good", word: "Live" };
    case "idle":
    case "offering":
    case "posting":
    case "answering":
      if (isQueued) return { tone: "busy", word: "Waiting" };
      return { tone: "busy", word: viewer.pictured ? "Reconnecting" : "Starting" };
    case "connecting":
    case "securing":
    case "seeing":
      return { tone: "busy", word: viewer.pictured ? "Reconnecting" : "Connecting" };
    case "reposting":
    case "waiting":
      return { tone: "bad", word: "No connection" };
    case "elsewhere":
      return { tone: "bad", word: "Elsewhere" };
    case "refused":
    case "ended":
    case "stopped":
      return { tone: "bad", word: "Ended" };
  }
}

/** The same for a desktop that is only seen. */
export function watchingStatusOf(watcher: ViewerSnapshot): Status {
  const status = statusOf(watcher);
  return status.tone === "good" ? { tone: "good", word: "View only" } : status;
}

/** Where a sign-in without a desktop stands; `view` is there once the session is. */
export function lightStatusOf(view: SessionView | undefined, isUnreachable: boolean): Status {
  if (isUnreachable) return { tone: "bad", word: "No connection" };
  if (isPersonsTurn(view)) return { tone: "good", word: "Your turn" };
  if (view?.state === "queued") return { tone: "busy", word: "Waiting" };
  const isDone = view?.steps.some(({ step }) => step === "cli-succeeded");
  return { tone: "busy", word: isDone ? "Saving" : "Starting" };
}

/** One sentence for the line above the desktop; screen readers hear each change of it. */
export function announcement(phases: readonly PhaseView[], viewer: ViewerSnapshot): string {
  if (viewer.phase.at === "elsewhere") return "Shown elsewhere";
  const troubled = viewer.cause !== undefined && viewer.phase.at !== "live";
  if (troubled && viewer.cause) return CAUSES[viewer.cause].title;
  return phases.find(({ state }) => state === "active")?.detail ?? "Done";
}
