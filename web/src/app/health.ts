//! Whether a connection still works, in words for its card. Pure.

import type { Credential } from "../api/types";
import { until } from "./time";

export interface Health {
  readonly at: "connected" | "expiring" | "needs-sign-in";
  readonly tone: "good" | "busy" | "bad";
  readonly word: string;
  /** What there is to say of it. */
  readonly detail: string | undefined;
}

const SIGN_IN_AGAIN = "The credential does not work any more. Sign in again.";

type Told = Pick<Credential, "health" | "healthDetail" | "expiresAt">;

/** What this page does not know, a newer server may say: that is no reason to alarm anybody. */
export function healthOf({ health, healthDetail, expiresAt }: Told, now: number): Health {
  const detail = healthDetail ?? undefined;
  switch (health) {
    case "expiring": {
      const when = expiresAt == null ? undefined : until(expiresAt, now);
      return { at: health, tone: "busy", word: `Expires ${when ?? "soon"}`, detail };
    }
    case "needs-sign-in":
      return { at: health, tone: "bad", word: "Needs sign-in", detail: detail ?? SIGN_IN_AGAIN };
    default:
      return { at: "connected", tone: "good", word: "Connected", detail: undefined };
  }
}
