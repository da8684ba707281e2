//! What a sign-in on a machine's desktop has beside its session: the viewer, and a view-only connection when another page
//! has the desktop and the person wants to see it. A sign-in without a desktop has none of this.

import type { SessionView } from "../api/types";
import { isEnded } from "../session/view";
import { Viewer, type ViewerOptions } from "../viewer/viewer";
import { Watcher } from "../viewer/whep";
import { clickRelays } from "./relays";
import { setViewOnly } from "./route";
import { Store } from "./store";
import { isThisTabs, rememberTab } from "./tab";

export class DesktopPart {
  readonly viewer: Viewer;
  /** The desktop without input, while this page shows it so. */
  readonly watcher = new Store<Watcher | undefined>(undefined);
  /** This page came to a session that another may have shown: the person may want to leave it there. */
  readonly cameLater: boolean;
  #sessionId: string | undefined;

  private constructor(options: ViewerOptions) {
    this.#sessionId = options.sessionId;
    this.cameLater = options.sessionId !== undefined && !isThisTabs(options.sessionId);
    this.viewer = new Viewer(options);
    this.viewer.subscribe(() => this.#handOver());
  }

  /** The click: the connection is made and its offer sent before anything else. */
  static begin(provider: string, onSession: (sessionId: string) => void): DesktopPart {
    const part: DesktopPart = new DesktopPart({
      provider,
      relays: clickRelays.take(),
      onSession: (id) => {
        part.#sessionId = id;
        rememberTab(id);
        onSession(id);
      },
    });
    part.viewer.start();
    return part;
  }

  /** A session that exists: after a reload, or from another page. A new epoch at once, which takes the desktop over,
   * unless it is only to be seen. */
  static find(sessionId: string, viewOnly: boolean): DesktopPart {
    const part = new DesktopPart({ provider: "", sessionId });
    if (viewOnly) part.watch();
    else part.viewer.start();
    return part;
  }

  /** What the session's stream says that concerns the connection. */
  sessionSays({ epoch, state }: SessionView): void {
    const ended = isEnded(state);
    this.viewer.sessionSays({ epoch, ended, queued: state === "queued" });
    if (ended) this.watcher.snapshot()?.stop();
  }

  /** Shows the desktop without input, and leaves it to other pages. */
  watch(): void {
    const sessionId = this.#sessionId;
    if (this.watcher.snapshot() || !sessionId) return;
    this.viewer.yield();
    const made = new Watcher({ sessionId, relays: this.viewer.relays });
    this.watcher.set(made);
    made.start();
    setViewOnly(sessionId, true);
  }

  /** Takes the desktop. What is seen without input stays until its own picture is there. */
  takeOver(): void {
    this.viewer.takeOver();
    if (this.#sessionId) setViewOnly(this.#sessionId, false);
  }

  stop(): void {
    this.viewer.stop();
    this.watcher.snapshot()?.stop();
  }

  #handOver(): void {
    const { at } = this.viewer.snapshot().phase;
    if (at !== "live") return;
    if (this.#sessionId) rememberTab(this.#sessionId);
    this.watcher.snapshot()?.stop();
    this.watcher.set(undefined);
  }
}
