//! One sign-in on this page: its viewer and its feed, made at the click or found again after a reload, and a view-only
//! connection when another page has the desktop and the person wants to see it. It stands outside the components, so that
//! no re-mount can touch a connection.

import { api, CALL_MS, outcome, within } from "../api/client";
import type { HostsView, Problem, SessionView } from "../api/types";
import { Feed } from "../session/feed";
import { isEnded } from "../session/view";
import { Viewer } from "../viewer/viewer";
import { Watcher } from "../viewer/whep";
import { clickRelays } from "./relays";
import { goToDashboard, goToSession, route, setViewOnly } from "./route";
import { Store } from "./store";

export interface SignInSnapshot {
  readonly sessionId: string | undefined;
  readonly provider: string | undefined;
  readonly view: SessionView | undefined;
  readonly problem: Problem | undefined;
  /** The desktop without input, while this page shows it so. */
  readonly watcher: Watcher | undefined;
  /** A cancel is under way. */
  readonly cancelling: boolean;
  /** The cancel could not be delivered. */
  readonly cancelFailed: string | undefined;
  /** What the machine reaches, where machines are restricted. */
  readonly hosts: HostsView | undefined;
  /** A host could not be allowed or taken back. */
  readonly hostsFailed: string | undefined;
}

export class SignIn {
  readonly viewer: Viewer;
  readonly state: Store<SignInSnapshot>;
  /** When the person clicked, by this computer's clock. */
  readonly clickedAt = Date.now();
  /** This page came to a session that another may have shown: the person may want to leave it there. */
  readonly cameLater: boolean;
  #feed: Feed | undefined;

  private constructor(from: { provider: string } | { sessionId: string }) {
    const provider = "provider" in from ? from.provider : undefined;
    const sessionId = "sessionId" in from ? from.sessionId : undefined;
    this.state = new Store<SignInSnapshot>({
      sessionId,
      provider,
      view: undefined,
      problem: undefined,
      watcher: undefined,
      cancelling: false,
      cancelFailed: undefined,
      hosts: undefined,
      hostsFailed: undefined,
    });
    this.viewer = new Viewer({
      provider: provider ?? "",
      ...(sessionId ? { sessionId } : { relays: clickRelays.take() }),
      onSession: (id) => this.#named(id),
    });
    this.viewer.subscribe(() => this.#handOver());
    this.cameLater = sessionId !== undefined && !isThisTabs(sessionId);
    if (sessionId) this.#follow(sessionId);
  }

  /** The click: the connection is made and its offer sent before anything else. */
  static begin(provider: string): SignIn {
    const signIn = new SignIn({ provider });
    signIn.viewer.start();
    return signIn;
  }

  /** A session that exists: after a reload, or from another page. A new epoch at once, which takes the desktop over,
   * unless it is only to be seen. */
  static find(sessionId: string, viewOnly: boolean): SignIn {
    const signIn = new SignIn({ sessionId });
    if (viewOnly) signIn.watch();
    else signIn.viewer.start();
    return signIn;
  }

  /** Shows the desktop without input, and leaves it to other pages. */
  watch(): void {
    const { sessionId, watcher } = this.state.snapshot();
    if (watcher || !sessionId) return;
    this.viewer.yield();
    const made = new Watcher({ sessionId, relays: this.viewer.relays });
    this.#set({ watcher: made });
    made.start();
    setViewOnly(sessionId, true);
  }

  /** Takes the desktop. What is seen without input stays until its own picture is there. */
  takeOver(): void {
    const { sessionId } = this.state.snapshot();
    this.viewer.takeOver();
    if (sessionId) setViewOnly(sessionId, false);
  }

  #handOver(): void {
    const { watcher, sessionId } = this.state.snapshot();
    const { at } = this.viewer.snapshot().phase;
    if (at === "live" && sessionId) rememberTab(sessionId);
    if (!watcher || at !== "live") return;
    watcher.stop();
    this.#set({ watcher: undefined });
  }

  async cancel(): Promise<void> {
    this.#set({ cancelling: true, cancelFailed: undefined });
    const { sessionId } = this.state.snapshot();
    // Without a name yet, `#named` delivers it.
    if (sessionId) await this.#deliverCancel(sessionId);
  }

  /** Has the machine, and later ones of this provider, reach a host. */
  async allow(host: string): Promise<void> {
    const id = this.state.snapshot().sessionId ?? "";
    await this.#changeHosts(
      api.POST("/api/session/{id}/hosts", {
        params: { path: { id } },
        body: { host },
        signal: within(CALL_MS),
      }),
    );
  }

  /** Takes an allowed host back. */
  async disallow(host: string): Promise<void> {
    const id = this.state.snapshot().sessionId ?? "";
    await this.#changeHosts(
      api.DELETE("/api/session/{id}/hosts", {
        params: { path: { id }, query: { host } },
        signal: within(CALL_MS),
      }),
    );
  }

  /** The stream tells the new list, too; whichever comes first. */
  async #changeHosts(call: Parameters<typeof outcome<HostsView>>[0]): Promise<void> {
    const got = await outcome<HostsView>(call);
    if (got.kind === "ok") return this.#set({ hosts: got.value, hostsFailed: undefined });
    this.#set({ hostsFailed: got.kind === "problem" ? got.problem.detail : "The server can't be reached." });
  }

  /** This page has no more to do with it. The session itself goes on until it ends or is cancelled. */
  leave(): void {
    this.viewer.stop();
    this.state.snapshot().watcher?.stop();
    this.#feed?.stop();
  }

  async #deliverCancel(id: string): Promise<void> {
    const call = api.DELETE("/api/session/{id}", { params: { path: { id } }, signal: within(CALL_MS) });
    const got = await outcome<unknown>(call);
    if (got.kind === "ok" || (got.kind === "problem" && got.problem.status === 410)) return;
    const detail = got.kind === "problem" ? got.problem.detail : "The server can't be reached.";
    this.#set({ cancelling: false, cancelFailed: detail });
  }

  #named(sessionId: string): void {
    this.#set({ sessionId });
    this.#follow(sessionId);
    if (route.snapshot().at === "starting") goToSession(sessionId);
    if (this.state.snapshot().cancelling) void this.#deliverCancel(sessionId);
  }

  #follow(sessionId: string): void {
    const feed = new Feed(sessionId);
    this.#feed = feed;
    feed.subscribe(() => {
      const { view, problem, hosts } = feed.snapshot();
      if (view)
        this.viewer.sessionSays({
          epoch: view.epoch,
          ended: isEnded(view.state),
          queued: view.state === "queued",
        });
      if (problem || (view && isEnded(view.state))) this.state.snapshot().watcher?.stop();
      if (problem) this.viewer.stop();
      this.#set({
        view,
        problem,
        hosts: hosts ?? this.state.snapshot().hosts,
        provider: view?.provider ?? this.state.snapshot().provider,
      });
    });
    feed.start();
  }

  #set(change: Partial<SignInSnapshot>): void {
    this.state.set({ ...this.state.snapshot(), ...change });
  }
}

/** The sign-in that this page shows. At most one: two desktops in one page would only share its bandwidth. */
export const current = new Store<SignIn | undefined>(undefined);

/** Starts a sign-in at the click. */
export function connect(provider: string): void {
  current.snapshot()?.leave();
  current.set(SignIn.begin(provider));
  route.set({ at: "starting" });
}

/** Shows a session: the present one as it is, another one anew. */
export function show(sessionId: string, viewOnly: boolean): void {
  const now = current.snapshot();
  if (now?.state.snapshot().sessionId === sessionId) {
    if (viewOnly) now.watch();
    return;
  }
  now?.leave();
  current.set(SignIn.find(sessionId, viewOnly));
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

const TAB_KEY = "anteroom.session";

/** Whether this very tab has shown the session before: then it is a reload, and nobody else's desktop was taken. */
function isThisTabs(sessionId: string): boolean {
  try {
    return sessionStorage.getItem(TAB_KEY) === sessionId;
  } catch {
    return false;
  }
}

function rememberTab(sessionId: string): void {
  try {
    sessionStorage.setItem(TAB_KEY, sessionId);
  } catch {
    // A browser that keeps nothing only shows one more button.
  }
}

route.subscribe(followRoute);
followRoute();
