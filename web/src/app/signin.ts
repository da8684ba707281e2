//! One sign-in on this page: its session's feed, and the part that shows a desktop where it has one, made at the click or
//! found again after a reload. It stands outside the components, so that no re-mount can touch a connection.

import { api, CALL_MS, outcome, within } from "../api/client";
import type { HostsView, Method, Problem, SessionView } from "../api/types";
import { Feed } from "../session/feed";
import { isEnded } from "../session/view";
import { DesktopPart } from "./desktop";
import * as light from "./light";
import { goToSession, route, setViewOnly } from "./route";
import { Store } from "./store";

export interface SignInSnapshot {
  readonly sessionId: string | undefined;
  readonly provider: string | undefined;
  /** Not known of a session that was found, until the server has told. */
  readonly method: Method | undefined;
  /** Viewer and all that belongs to it, where the sign-in has a desktop. */
  readonly desktop: DesktopPart | undefined;
  readonly view: SessionView | undefined;
  readonly problem: Problem | undefined;
  /** The server did not answer the last time that it was asked, other than by the viewer. */
  readonly unreachable: boolean;
  /** A cancel is under way. */
  readonly cancelling: boolean;
  /** The cancel could not be delivered. */
  readonly cancelFailed: string | undefined;
  /** The person wants to sign in this way instead; this sign-in is being cancelled for it. */
  readonly switchingTo: Method | undefined;
  /** What the machine reaches, where machines are restricted. */
  readonly hosts: HostsView | undefined;
  /** A host could not be allowed or taken back. */
  readonly hostsFailed: string | undefined;
}

const NOTHING_YET: SignInSnapshot = {
  sessionId: undefined,
  provider: undefined,
  method: undefined,
  desktop: undefined,
  view: undefined,
  problem: undefined,
  unreachable: false,
  cancelling: false,
  cancelFailed: undefined,
  switchingTo: undefined,
  hosts: undefined,
  hostsFailed: undefined,
};

export class SignIn {
  readonly state: Store<SignInSnapshot>;
  /** When the person clicked, by this computer's clock. */
  readonly clickedAt = Date.now();
  readonly #life = new AbortController();
  #feed: Feed | undefined;

  private constructor(from: Partial<SignInSnapshot>) {
    this.state = new Store<SignInSnapshot>({ ...NOTHING_YET, ...from });
  }

  /** The click. */
  static begin(provider: string, method: Method): SignIn {
    const signIn = new SignIn({ provider, method });
    const onSession = (id: string) => signIn.#named(id);
    if (method === "desktop") {
      signIn.#set({ desktop: DesktopPart.begin(provider, onSession) });
      return signIn;
    }
    const told = {
      onSession,
      onRefused: (problem: Problem) => signIn.#set({ problem }),
      onUnreachable: () => signIn.#set({ unreachable: true }),
    };
    void light.begin(provider, method, told, signIn.#life.signal);
    return signIn;
  }

  /**
   * A session that exists: after a reload, or from another page. A viewer is made at once where the session is known to
   * have a desktop. Else the view has to tell first, since a sign-in without one must have no connection. The feed asks for it
   * at once in any case, so that a desktop in a new tab waits for one small answer, and a reload for nothing.
   */
  static find(sessionId: string, viewOnly: boolean, method: Method | undefined): SignIn {
    const signIn = new SignIn({ sessionId, method });
    if (method === "desktop") signIn.#set({ desktop: DesktopPart.find(sessionId, viewOnly) });
    signIn.#follow(sessionId, viewOnly);
    return signIn;
  }

  async cancel(): Promise<void> {
    this.#set({ cancelling: true, cancelFailed: undefined });
    const { sessionId } = this.state.snapshot();
    // Without a name yet, `#named` delivers it.
    if (sessionId) await this.#deliverCancel(sessionId);
  }

  /** Cancels, because the person wants to sign in by another method. Says whether that can begin now: not when this sign-in
   * can't be cancelled any more, or has ended by itself meanwhile. */
  async cancelFor(method: Method): Promise<boolean> {
    const { sessionId, switchingTo } = this.state.snapshot();
    if (switchingTo) return false;
    // Nothing has begun: a browser that can't make a connection sends no click.
    if (!sessionId) return true;
    this.#set({ switchingTo: method, cancelling: true, cancelFailed: undefined });
    const isCancelled = await this.#deliverCancel(sessionId);
    if (!isCancelled) this.stay();
    return isCancelled;
  }

  /** No other method takes its place after all. */
  stay(): void {
    this.#set({ switchingTo: undefined });
  }

  /** Brings a text back to the CLI. Says why it was not taken, if so. Keeps nothing of it. */
  async paste(text: string): Promise<string | undefined> {
    const { sessionId } = this.state.snapshot();
    return sessionId ? light.paste(sessionId, text) : "The sign-in has not begun yet.";
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
    this.#life.abort();
    this.state.snapshot().desktop?.stop();
    this.#feed?.stop();
  }

  /** Whether this call has ended the session. */
  async #deliverCancel(id: string): Promise<boolean> {
    const call = api.DELETE("/api/session/{id}", { params: { path: { id } }, signal: within(CALL_MS) });
    const got = await outcome<unknown>(call);
    if (got.kind === "ok") return true;
    if (got.kind === "problem" && got.problem.status === 410) return false;
    const detail = got.kind === "problem" ? got.problem.detail : "The server can't be reached.";
    this.#set({ cancelling: false, cancelFailed: detail });
    return false;
  }

  #named(sessionId: string): void {
    this.#set({ sessionId, unreachable: false });
    this.#follow(sessionId, false);
    if (route.snapshot().at === "starting") goToSession(sessionId);
    if (this.state.snapshot().cancelling) void this.#deliverCancel(sessionId);
  }

  #follow(sessionId: string, viewOnly: boolean): void {
    const feed = new Feed(sessionId);
    this.#feed = feed;
    feed.subscribe(() => {
      const { view, problem, unreachable, hosts } = feed.snapshot();
      const now = this.state.snapshot();
      const desktop = now.desktop ?? (view && desktopOf(view, viewOnly));
      if (view) desktop?.sessionSays(view);
      if (problem) desktop?.stop();
      this.#set({
        view,
        problem,
        unreachable,
        desktop,
        method: view?.method ?? now.method,
        provider: view?.provider ?? now.provider,
        hosts: hosts ?? now.hosts,
      });
    });
    feed.start();
  }

  #set(change: Partial<SignInSnapshot>): void {
    this.state.set({ ...this.state.snapshot(), ...change });
  }
}

/** The desktop's part of a session that was found; none where there is no desktop, or none any more. */
function desktopOf(view: SessionView, viewOnly: boolean): DesktopPart | undefined {
  if (view.method === "desktop" && !isEnded(view.state)) return DesktopPart.find(view.sessionId, viewOnly);
  if (viewOnly) setViewOnly(view.sessionId, false);
  return undefined;
}
