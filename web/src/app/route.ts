//! Where the person is, in the address's fragment: `#/` and `#/session/{id}`. A reload comes back to the same place,
//! and the server never sees a session's id in a path of the page.

import { Store } from "./store";

export type Route = { at: "dashboard" } | { at: "starting" } | { at: "session"; id: string };

const SESSION = /^#\/session\/(ses_[0-9a-hjkmnp-tv-z]{26})$/;

/** Reads a fragment. Whatever is not understood is the dashboard. */
export function parse(hash: string): Route {
  const id = SESSION.exec(hash)?.[1];
  return id ? { at: "session", id } : { at: "dashboard" };
}

export const route = new Store<Route>(parse(globalThis.location?.hash ?? ""));

globalThis.addEventListener?.("hashchange", () => route.set(parse(location.hash)));

/** Goes to the dashboard, as a step that the browser's back button undoes. */
export function goToDashboard(): void {
  if (parse(location.hash).at !== "dashboard") history.pushState(null, "", "#/");
  route.set({ at: "dashboard" });
}

/** Goes to a session. */
export function goToSession(id: string): void {
  const hash = `#/session/${id}`;
  if (location.hash !== hash) history.pushState(null, "", hash);
  route.set({ at: "session", id });
}

globalThis.addEventListener?.("popstate", () => route.set(parse(location.hash)));
