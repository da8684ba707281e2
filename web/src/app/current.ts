//! The sign-in that this page shows, and what a click or an address does to it.

import type { Method } from "../api/types";
import { providers } from "./providers";
import { goToDashboard, route } from "./route";
import { SignIn } from "./signin";
import { Store } from "./store";
import { isThisTabs } from "./tab";

/** At most one: two desktops in one page would only share its bandwidth. */
export const current = new Store<SignIn | undefined>(undefined);

/** Starts a sign-in at the click. */
export function connect(provider: string, method: Method): void {
  current.snapshot()?.leave();
  current.set(SignIn.begin(provider, method));
  route.set({ at: "starting" });
}

/** Ends a sign-in and starts the same provider's by another method, unless the first can't be ended any more. */
export async function connectInstead(signIn: SignIn, method: Method): Promise<void> {
  const { provider } = signIn.state.snapshot();
  if (!(await signIn.cancelFor(method))) return;
  // The person may have gone elsewhere meanwhile, and is not fetched back.
  const { at } = route.snapshot();
  const isSeen = current.snapshot() === signIn && (at === "session" || at === "starting");
  if (isSeen && provider) connect(provider, method);
  else signIn.stay();
}

/** Shows a session: the present one as it is, another one anew. */
export function show(sessionId: string, viewOnly: boolean): void {
  const now = current.snapshot();
  if (now?.state.snapshot().sessionId === sessionId) {
    if (viewOnly) now.state.snapshot().desktop?.watch();
    return;
  }
  now?.leave();
  current.set(SignIn.find(sessionId, viewOnly, methodOf(sessionId)));
}

/** A session's method as far as this page knows it without asking. It never changes. */
function methodOf(sessionId: string): Method | undefined {
  if (isThisTabs(sessionId)) return "desktop";
  const list = providers.snapshot();
  if (list.state !== "loaded") return undefined;
  return list.providers.find(({ session }) => session?.sessionId === sessionId)?.session?.method;
}

/** Back to the list. A sign-in that has ended is let go of, so that the next one begins with a clean page. */
export function leaveResult(): void {
  goToDashboard();
  current.snapshot()?.leave();
  current.set(undefined);
}

function followRoute(): void {
  const now = route.snapshot();
  if (now.at === "session") show(now.id, now.viewOnly);
}

route.subscribe(followRoute);
followRoute();
