//! Ends the sign-in that runs and begins another way, by one click.

import type { Method } from "../api/types";
import { connectInstead } from "../app/current";
import type { SignIn } from "../app/signin";
import { MethodMenu } from "./MethodMenu";

interface AnotherWayProps {
  signIn: SignIn;
  /** The provider's other methods. */
  others: readonly Method[];
  isSwitching: boolean;
}

export function AnotherWay({ signIn, others, isSwitching }: AnotherWayProps) {
  if (others.length === 0) return null;
  return (
    <MethodMenu
      methods={others}
      look=""
      disabled={isSwitching}
      onChoose={(method) => void connectInstead(signIn, method)}
    >
      {isSwitching ? "One moment…" : "Sign in another way"}
    </MethodMenu>
  );
}
