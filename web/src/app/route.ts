//! Where the person is, in the address's fragment: `#/`, `#/connection`, `#/tokens`, `#/machines`, `#/machines/{id}`,
//! `#/run/{id}`, `#/session/{id}`, and `#/session/{id}/view` for its desktop without input. A reload comes back to the same
//! place, and the server never sees an id in a path of the page.

import { Store } from "./store";

export type Route =
  | { at: "dashboard" }
  | { at: "connection" }
  | { at: "tokens" }
  | { at: "machines" }
  | { at: "machine"; id: string }
  | { at: "starting" }
  | { at: "run"; id: string }
  | { at: "session"; id: string; viewOnly: boolean };

const MACHINE = /^#\/machines\/(mac_[0-9a-hjkmnp-tv-z]{26})$/;
const RUN = /^#\/run\/(ses_[0-9a-hjkmnp-tv-z]{26})$/;
const SESSION = /^#\/session\/(ses_[0-9a-hjkmnp-tv-z]{26})(\/view)?$/;

/** Reads a fragment. Whatever is not understood is the dashboard. */
export function parse(hash: string): Route {
  if (hash === "#/connection") return { at: "connection" };
  if (hash === "#/tokens") return { at: "tokens" };
  if (hash === "#/machines") return { at: "machines" };
  const [, machine] = MACHINE.exec(hash) ?? [];
  if (machine) return { at: "machine", id: machine };
  const [, run] = RUN.exec(hash) ?? [];
  if (run) return { at: "run", id: run };
  const [, id, view] = SESSION.exec(hash) ?? [];
  return id ? { at: "session", id, viewOnly: view !== undefined } : { at: "dashboard" };
}

export const route = new Store<Route>(parse(globalThis.location?.hash ?? ""));

globalThis.addEventListener?.("hashchange", () => route.set(parse(location.hash)));

/** Goes to the dashboard, as a step that the browser's back button undoes. */
export function goToDashboard(): void {
  if (parse(location.hash).at !== "dashboard") history.pushState(null, "", "#/");
  route.set({ at: "dashboard" });
}

/** Goes to what the connection between here and the server can do. */
export function goToConnection(): void {
  if (parse(location.hash).at !== "connection") history.pushState(null, "", "#/connection");
  route.set({ at: "connection" });
}

/** Goes to a session. */
export function goToSession(id: string): void {
  const hash = `#/session/${id}`;
  if (location.hash !== hash) history.pushState(null, "", hash);
  route.set({ at: "session", id, viewOnly: false });
}

/** Where a run's terminal is, for a link. */
export function addressOfRun(id: string): string {
  return `#/run/${id}`;
}

/** Goes to a run's terminal. */
export function goToRun(id: string): void {
  const hash = addressOfRun(id);
  if (location.hash !== hash) history.pushState(null, "", hash);
  route.set({ at: "run", id });
}

/** The same session with or without input: no step for the back button, but a reload keeps it. */
export function setViewOnly(id: string, viewOnly: boolean): void {
  const now = route.snapshot();
  if (now.at !== "session" || now.id !== id || now.viewOnly === viewOnly) return;
  history.replaceState(null, "", `#/session/${id}${viewOnly ? "/view" : ""}`);
  route.set({ at: "session", id, viewOnly });
}

globalThis.addEventListener?.("popstate", () => route.set(parse(location.hash)));
