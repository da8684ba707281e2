//! How a run ended: a sentence and a remedy for each reason. The compiler refuses a code without them. Pure.

import type { ReasonCode, RunReasonCode, RunView } from "../api/types";
import type { Explained } from "./reasons";

type How = Pick<RunView, "exitCode" | "reason">;

/** `plain`: neither good nor bad, because somebody wanted it so, or nobody used it. */
export type Tone = "good" | "plain" | "bad";

export interface RunEnded extends Explained {
  /** In a list. */
  readonly word: string;
  readonly tone: Tone;
  /** What the server says of this one, where the sentence does not say it all. */
  readonly detail: string | undefined;
}

interface Known {
  readonly word: string;
  readonly tone: Tone;
  readonly title: (name: string) => string;
  readonly remedy: (name: string) => string;
}

const ENDS: Record<Exclude<RunReasonCode, "exited">, Known> = {
  "stopped-by-person": {
    word: "Stopped",
    tone: "plain",
    title: (name) => `You stopped the run of ${name}`,
    remedy: (name) => `Your connection to ${name} stays. Open it again whenever you like.`,
  },
  "stopped-by-administrator": {
    word: "Stopped",
    tone: "bad",
    title: (name) => `The run of ${name} was stopped`,
    remedy: () => "Whoever runs this server has stopped it. Ask them, or open it again.",
  },
  "taken-over": {
    word: "Taken over",
    tone: "plain",
    title: () => "Another run took over",
    remedy: (name) =>
      `One run at a time can use this connection to ${name}, and another one was given it. Go on there, or open it again and take it back.`,
  },
  idle: {
    word: "Idle",
    tone: "plain",
    title: (name) => `Nobody used this run of ${name}`,
    remedy: () => "It was idle for as long as this server lets a run be. Open it again whenever you like.",
  },
  "machine-timeout": {
    word: "Failed",
    tone: "bad",
    title: () => "The machine was not ready in time",
    remedy: () => "The server may be busy. Try again in a minute; if it stays so, ask whoever runs it.",
  },
  "machine-failed": {
    word: "Failed",
    tone: "bad",
    title: () => "The machine could not be created",
    remedy: () => "Try again. If it stays so, the server's log says what is missing.",
  },
  "machine-lost": {
    word: "Failed",
    tone: "bad",
    title: (name) => `The machine stopped before ${name} had ended`,
    remedy: (name) => `Open it again; you get a new machine. If ${name} asks you to sign in, reconnect it.`,
  },
  "agent-timeout": {
    word: "Failed",
    tone: "bad",
    title: () => "The machine started but did not report",
    remedy: () =>
      "Try again. If it stays so, the machine can't reach the server: its firewall is the first place to look.",
  },
  "cli-not-started": {
    word: "Failed",
    tone: "bad",
    title: (name) => `${name} could not be started`,
    remedy: () => "The machine's image may lack it. Ask whoever runs this server to build the image again.",
  },
  "no-capacity": {
    word: "Failed",
    tone: "bad",
    title: () => "All machines are in use",
    remedy: () => "Try again in a few minutes, or stop another run.",
  },
};

/** How a run of this name ended. */
export function runEnded({ exitCode, reason }: How, name: string): RunEnded {
  if (!reason || reason.code === "exited") return exited(exitCode ?? undefined, name);
  const { word, tone, title, remedy } = isOfRun(reason.code) ? ENDS[reason.code] : OTHER;
  const detail = tone === "bad" ? reason.detail : undefined;
  return { word, tone, title: title(name), remedy: remedy(name), detail };
}

function isOfRun(code: ReasonCode): code is keyof typeof ENDS {
  return code in ENDS;
}

/** What no run ends by. */
const OTHER: Known = {
  word: "Failed",
  tone: "bad",
  title: (name) => `The run of ${name} has ended`,
  remedy: () => "Open it again.",
};

function exited(code: number | undefined, name: string): RunEnded {
  if (!code) {
    const remedy = "Open it again whenever you like.";
    return { word: "Ended", tone: "good", title: `${name} has ended`, remedy, detail: undefined };
  }
  return {
    word: `Exit code ${code}`,
    tone: "bad",
    title: `${name} ended with exit code ${code}`,
    remedy: "Open it again to go on.",
    detail: undefined,
  };
}
