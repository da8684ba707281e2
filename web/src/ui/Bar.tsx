//! The line above the desktop: where the sign-in stands, and what can be done besides signing in.

import type { Method } from "../api/types";
import { connectInstead } from "../app/current";
import type { SignIn, SignInSnapshot } from "../app/signin";
import { useStore } from "../app/store";
import { WAYS } from "../session/methods";
import type { PhaseView } from "../session/phases";
import { CAUSES } from "../session/reasons";
import type { ViewerSnapshot } from "../viewer/viewer";
import type { Watcher } from "../viewer/whep";
import { HostsMenu } from "./Hosts";
import { EyeIcon, FullScreenIcon, LinkIcon } from "./icons";
import { CopyButton } from "./parts";
import { SessionBar, StepsMenu } from "./SessionBar";
import { announcement, type Status, statusOf, watchingStatusOf } from "./status";

interface BarProps {
  signIn: SignIn;
  name: string;
  state: SignInSnapshot;
  viewer: ViewerSnapshot;
  phases: readonly PhaseView[];
  /** The desktop without input, while it is shown so. */
  watcher: Watcher | undefined;
  /** Leaves the desktop to others; where that makes sense. */
  onWatch: (() => void) | undefined;
  onTakeOver: () => void;
  /** The provider's methods without a desktop. */
  others: readonly Method[];
}

export function Bar(props: BarProps) {
  const { signIn, name, state, viewer, phases, watcher, onWatch, onTakeOver, others } = props;
  const status = watcher ? (
    <Watching watcher={watcher} />
  ) : (
    <Connection viewer={viewer} status={statusOf(viewer, state.view?.state === "queued")} />
  );
  const says = watcher ? "You see the desktop; mouse and keys are not sent" : announcement(phases, viewer);
  return (
    <SessionBar signIn={signIn} name={name} state={state} status={status} says={says}>
      {watcher && (
        <button type="button" className="button primary" onClick={onTakeOver}>
          Take over
        </button>
      )}
      {onWatch && viewer.phase.at === "live" && (
        <button
          type="button"
          className="button"
          onClick={onWatch}
          title="Only see the desktop here, and leave it to the window that had it."
        >
          <EyeIcon />
          <span className="wide-only">View only</span>
        </button>
      )}
      <LinkMenu
        url={state.view?.loginUrl?.url}
        others={others}
        isSwitching={state.switchingTo !== undefined}
        onChoose={(method) => void connectInstead(signIn, method)}
      />
      {state.hosts?.restricted && (
        <HostsMenu signIn={signIn} hosts={state.hosts} failed={state.hostsFailed} />
      )}
      <StepsMenu phases={phases} trouble={troubleOf(state, viewer)}>
        <KeysHint />
      </StepsMenu>
      <button
        type="button"
        className="button"
        disabled={!watcher && viewer.phase.at !== "live"}
        onClick={() => void fullScreen()}
        title="Only the desktop. Leave it by holding Escape."
      >
        <FullScreenIcon />
        <span className="wide-only">Full screen</span>
      </button>
    </SessionBar>
  );
}

function Watching({ watcher }: { watcher: Watcher }) {
  const viewer = useStore(watcher);
  return <Connection viewer={viewer} status={watchingStatusOf(viewer)} />;
}

/** What the server says of the newest connection that has no picture, while this page has none to show instead. */
function troubleOf({ view }: SignInSnapshot, { phase }: ViewerSnapshot): string | undefined {
  if (!view?.trouble || phase.at === "live") return undefined;
  const { title, remedy } = CAUSES[view.trouble];
  return `${title}. ${remedy}`;
}

function Connection({ viewer, status }: { viewer: ViewerSnapshot; status: Status }) {
  const { tone, word } = status;
  const latency =
    tone === "good" && viewer.latencyMs !== undefined ? `${Math.round(viewer.latencyMs)} ms` : "";
  return (
    <span
      className={`status ${tone} bar-status`}
      title="Connection to the machine, and how long an event takes there and back"
    >
      {word}
      <span className="latency">{latency}</span>
    </span>
  );
}

interface LinkMenuProps {
  url: string | undefined;
  others: readonly Method[];
  isSwitching: boolean;
  onChoose: (method: Method) => void;
}

/** The link of this sign-in, and the ways of the person's own browser: they end this one. */
function LinkMenu({ url, others, isSwitching, onChoose }: LinkMenuProps) {
  return (
    <>
      <button
        type="button"
        className="button"
        popoverTarget="link-menu"
        disabled={!url && others.length === 0}
      >
        <LinkIcon />
        <span className="wide-only">Sign-in link</span>
      </button>
      <div id="link-menu" popover="auto" className="menu">
        <h2>Sign-in link</h2>
        <p className="quiet">
          The machine's browser has it open already. Use it there: the CLI waits for the answer inside the
          machine.
        </p>
        {url ? <p className="url">{url}</p> : <p className="quiet">The CLI has not said it yet.</p>}
        {url && <CopyButton text={url} label="Copy link" />}
        {others.length > 0 && (
          <>
            <h3>Sign in another way</h3>
            <p className="quiet">This sign-in ends, and another begins.</p>
            <div className="actions">
              {others.map((method) => (
                <button
                  key={method}
                  type="button"
                  className="button"
                  disabled={isSwitching}
                  data-method={method}
                  onClick={() => onChoose(method)}
                >
                  {WAYS[method]}
                </button>
              ))}
            </div>
          </>
        )}
      </div>
    </>
  );
}

function KeysHint() {
  return (
    <p className="quiet keys-hint">
      The desktop takes all keys. <kbd>Ctrl</kbd> <kbd>Alt</kbd> <kbd>Shift</kbd> together leave it.{" "}
      <kbd>Ctrl</kbd> <kbd>V</kbd> pastes what you copied on this computer, <kbd>Shift</kbd> <kbd>Insert</kbd>{" "}
      what was copied in the machine.
    </p>
  );
}

/** Only the desktop. Where the browser allows, even Escape goes to the machine then. */
async function fullScreen(): Promise<void> {
  const stage = document.getElementById("stage");
  await stage?.requestFullscreen();
  stage?.querySelector("textarea")?.focus();
  const { keyboard } = navigator as Navigator & { keyboard?: { lock?: () => Promise<void> } };
  await keyboard?.lock?.().catch(() => undefined);
}
