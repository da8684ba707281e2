//! The controller's fine steps as the few phases that a person wants to see, with their times. Pure.

import type { Method, SessionView, Step } from "../api/types";

export type PhaseState = "done" | "active" | "open";

export interface PhaseView {
  readonly id: string;
  readonly title: string;
  readonly state: PhaseState;
  /** What is being waited for, while it is active. */
  readonly detail: string;
  /** Milliseconds from the click to its end. */
  readonly doneMs: number | undefined;
}

interface Phase {
  id: string;
  title: string;
  /** All of these, and it is done. */
  steps: readonly { step: Step; doing: string }[];
}

const SAVE: Phase = {
  id: "save",
  title: "The credential, sealed",
  steps: [
    { step: "credential-captured", doing: "Taking the credential over" },
    { step: "credential-saved", doing: "Sealing it in the vault" },
  ],
};

const DESTROY: Phase = {
  id: "destroy",
  title: "The machine, destroyed",
  steps: [{ step: "machine-destroyed", doing: "Destroying the machine" }],
};

/** In the order in which they usually end; the picture and the CLI come side by side. */
const ON_A_DESKTOP: readonly Phase[] = [
  {
    id: "machine",
    title: "A machine of your own",
    steps: [
      { step: "offer-stored", doing: "Sending this page's offer" },
      { step: "machine-created", doing: "Creating the machine" },
      { step: "agent-ready", doing: "Waiting for the machine to report" },
    ],
  },
  {
    id: "desktop",
    title: "Its desktop and browser",
    steps: [
      { step: "desktop-ready", doing: "Starting the desktop" },
      { step: "browser-ready", doing: "Starting the browser" },
    ],
  },
  {
    id: "picture",
    title: "The picture on this page",
    steps: [
      { step: "answer-stored", doing: "Waiting for the machine's answer" },
      { step: "ice-connected", doing: "Finding a way to the machine" },
      { step: "dtls-connected", doing: "Encrypting the connection" },
      { step: "frame-decoded", doing: "Waiting for the first picture" },
    ],
  },
  {
    id: "cli",
    title: "The sign-in page",
    steps: [
      { step: "cli-started", doing: "Starting the CLI" },
      { step: "url-found", doing: "Waiting for the CLI's sign-in page" },
      { step: "url-opened", doing: "Opening it in the machine's browser" },
    ],
  },
  {
    id: "sign-in",
    title: "Your sign-in",
    steps: [{ step: "cli-succeeded", doing: "Sign in on the desktop" }],
  },
  SAVE,
  DESTROY,
];

/** Without a desktop: the CLI alone, and what the person takes from it into a browser of their own. */
function inOwnBrowser(given: Phase, doing: string): readonly Phase[] {
  return [
    {
      id: "machine",
      title: "A machine of your own",
      steps: [
        { step: "machine-created", doing: "Creating the machine" },
        { step: "agent-ready", doing: "Waiting for the machine to report" },
      ],
    },
    given,
    { id: "sign-in", title: "Your sign-in", steps: [{ step: "cli-succeeded", doing }] },
    SAVE,
    DESTROY,
  ];
}

const PHASES: Record<Method, readonly Phase[]> = {
  desktop: ON_A_DESKTOP,
  device: inOwnBrowser(
    {
      id: "cli",
      title: "The code",
      steps: [
        { step: "cli-started", doing: "Starting the CLI" },
        { step: "code-found", doing: "Waiting for the CLI's code" },
      ],
    },
    "Enter the code in your own browser",
  ),
  paste: inOwnBrowser(
    {
      id: "cli",
      title: "The link",
      steps: [
        { step: "cli-started", doing: "Starting the CLI" },
        { step: "url-found", doing: "Waiting for the CLI's sign-in link" },
      ],
    },
    "Sign in in your own browser, and bring the code back",
  ),
};

/** The phases of a session as it stands. Without a view, the click was just now, and only its method is known. */
export function phasesOf(
  view: (Pick<SessionView, "steps" | "createdAt"> & Partial<SessionView>) | undefined,
  method: Method = view?.method ?? "desktop",
): PhaseView[] {
  const reached = new Map(view?.steps.map(({ step, at }) => [step, at]));
  let isFirstOpen = true;
  return PHASES[method].map((phase) => {
    const missing = phase.steps.find(({ step }) => !reached.has(step));
    const state: PhaseState = !missing ? "done" : isFirstOpen ? "active" : "open";
    if (missing) isFirstOpen = false;
    const last = Math.max(...phase.steps.map(({ step }) => reached.get(step) ?? 0));
    const doneMs = !missing && view ? Math.max(0, last - view.createdAt) : undefined;
    const waits = view?.state === "queued" && state === "active";
    const detail = waits ? "Waiting for a place" : (missing?.doing ?? "");
    return { id: phase.id, title: phase.title, state, detail, doneMs };
  });
}

/** Whether the person is the one who is waited for: what they need is there, and the CLI has not ended yet. */
export function isPersonsTurn(view: SessionView | undefined): boolean {
  if (view?.state !== "signing-in" || view.steps.some(({ step }) => step === "cli-succeeded")) return false;
  return view.method === "device" ? view.deviceCode != null : view.loginUrl != null;
}

/** `0.4 s`, `12 s`, `3 min 05 s`. */
export function duration(ms: number): string {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}
