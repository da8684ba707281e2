//! A sentence and a remedy for each reason why a session ended, and for each trouble of the picture. The compiler
//! refuses a code without them.

import type { Method, ReasonCode } from "../api/types";
import type { Cause } from "../viewer/machine";

export interface Explained {
  readonly title: string;
  readonly remedy: string;
}

/** Of runs only: no sign-in ends so. */
type OfRuns = "exited" | "stopped-by-person" | "taken-over" | "idle";
type SignInCode = Exclude<ReasonCode, OfRuns>;

const REASONS: Record<SignInCode, Explained> = {
  saved: {
    title: "Connected",
    remedy: "The credential is sealed in the vault. You can close this page.",
  },
  "cancelled-by-person": {
    title: "You cancelled the sign-in",
    remedy: "Nothing was saved, and the machine is being destroyed. Start again whenever you like.",
  },
  "stopped-by-administrator": {
    title: "The machine was stopped",
    remedy: "Whoever runs this server has stopped it. Nothing was saved. Ask them, or start again.",
  },
  "offer-timeout": {
    title: "The page did not open its connection in time",
    remedy: "Keep this page open and in front, and try again.",
  },
  "machine-timeout": {
    title: "The machine was not ready in time",
    remedy: "The server may be busy. Try again in a minute; if it stays so, ask whoever runs it.",
  },
  "machine-failed": {
    title: "The machine could not be created",
    remedy: "Try again. If it stays so, the server's log says what is missing.",
  },
  "machine-lost": {
    title: "The machine stopped before you were done",
    remedy: "Nothing was saved. Try again; you get a new machine.",
  },
  "agent-timeout": {
    title: "The machine started but did not report",
    remedy:
      "Try again. If it stays so, the machine can't reach the server: its firewall is the first place to look.",
  },
  "desktop-failed": {
    title: "The desktop did not start",
    remedy: "Try again. If it stays so, the machine's log names the program that failed.",
  },
  "answer-timeout": {
    title: "The machine did not answer this page",
    remedy: "Try again; you get a new machine.",
  },
  "cli-not-started": {
    title: "The CLI could not be started",
    remedy: "The machine's image may lack it. Ask whoever runs this server to build the image again.",
  },
  "cli-failed": {
    title: "The CLI ended with an error",
    remedy:
      "The last lines it wrote are below. Often the sign-in was declined or ran out of time: try again.",
  },
  "credential-missing": {
    title: "The CLI left no credential",
    remedy: "It ended well but wrote nothing that proves a sign-in. Try again and finish all of its steps.",
  },
  "credential-invalid": {
    title: "The credential was not worth keeping",
    remedy: "It was blank, broken, or older than the one you have, which stays as it was. Sign in again.",
  },
  "sign-in-timeout": {
    title: "The time for this sign-in is over",
    remedy: "Nothing was saved. Start again when you have your password and second factor at hand.",
  },
  "no-capacity": {
    title: "All machines are in use",
    remedy: "Try again in a few minutes, or end another sign-in.",
  },
};

/** Where the sentence is another one without a desktop: the person was in a browser of their own. */
const IN_OWN_BROWSER: Record<Exclude<Method, "desktop">, Partial<Record<ReasonCode, Explained>>> = {
  device: {
    "cli-failed": {
      title: "The CLI ended with an error",
      remedy:
        "The last lines it wrote are below. Often the code has run out, or your account does not allow codes: try again, or sign in another way.",
    },
    "sign-in-timeout": {
      title: "The time for this sign-in is over",
      remedy: "Nothing was saved. The code is good for nothing any more: start again, and use the new one.",
    },
  },
  paste: {
    "cli-failed": {
      title: "The CLI ended with an error",
      remedy:
        "The last lines it wrote are below. Often what was pasted belonged to another link, or had run out: try again, or sign in another way.",
    },
    "sign-in-timeout": {
      title: "The time for this sign-in is over",
      remedy: "Nothing was saved. The link is good for nothing any more: start again, and use the new one.",
    },
  },
};

/** Why a sign-in of this method has ended, and what helps. */
export function explained(code: ReasonCode, method: Method): Explained {
  const other = method === "desktop" ? undefined : IN_OWN_BROWSER[method][code];
  return other ?? (isOfSignIn(code) ? REASONS[code] : ENDED);
}

function isOfSignIn(code: ReasonCode): code is SignInCode {
  return code in REASONS;
}

const ENDED: Explained = { title: "It has ended", remedy: "Start again whenever you like." };

export const CAUSES: Record<Cause, Explained> = {
  "offer-not-made": {
    title: "This browser makes no WebRTC connection",
    remedy: "A setting or an extension may forbid it. Allow WebRTC for this page, or use another browser.",
  },
  "controller-unreachable": {
    title: "The server can't be reached",
    remedy: "Check that it runs and that this computer is online. This page goes on by itself.",
  },
  "no-picture-yet": {
    title: "There is no picture yet",
    remedy: "The machine is still starting. This page asks again by itself.",
  },
  "answer-late": {
    title: "The machine has not answered",
    remedy: "This page asks again by itself.",
  },
  "answer-not-taken": {
    title: "This browser did not take the machine's answer",
    remedy: "Use a current version of Chrome, Edge, Firefox or Safari.",
  },
  "ice-timeout": {
    title: "No way to the machine was found",
    remedy:
      "The machine answered, but its media can't reach this browser: a firewall or a VPN is in the way, and no relay helped.",
  },
  "ice-failed": {
    title: "No way to the machine was found",
    remedy:
      "The machine answered, but its media can't reach this browser: a firewall or a VPN is in the way, and no relay helped.",
  },
  "dtls-timeout": {
    title: "The connection could not be encrypted",
    remedy: "The machine was found, but its answer was for another connection. A new one is being made.",
  },
  "dtls-failed": {
    title: "The connection could not be encrypted",
    remedy: "The machine was found, but the handshake failed. A new connection is being made.",
  },
  "frame-timeout": {
    title: "The machine sends no picture",
    remedy: "It is connected, but no picture could be decoded here. A new connection is being made.",
  },
  disconnected: {
    title: "The picture was lost",
    remedy: "A new connection is being made. Your sign-in goes on meanwhile.",
  },
  "network-changed": {
    title: "Your network changed",
    remedy: "A new connection is being made. Your sign-in goes on meanwhile.",
  },
  "computer-slept": {
    title: "This computer slept",
    remedy: "A new connection is being made. Your sign-in goes on, as long as its time is not over.",
  },
  "connection-silent": {
    title: "Nothing came from the machine any more",
    remedy: "A new connection is being made. If it stays so, a firewall on the way forgets the connection.",
  },
};
