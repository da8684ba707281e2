//! The line above the desktop: where the sign-in stands, and what can be done besides signing in.

import type { SignIn, SignInSnapshot } from "../app/signin";
import { useStore } from "../app/store";
import type { PhaseView } from "../session/phases";
import { CAUSES } from "../session/reasons";
import type { ViewerSnapshot } from "../viewer/viewer";
import type { Watcher } from "../viewer/whep";
import { HostsMenu } from "./Hosts";
import { BackIcon, EyeIcon, FullScreenIcon, LinkIcon, StepsIcon } from "./icons";
import { CopyButton, Monogram } from "./parts";
import { Steps } from "./Steps";
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
  onBack: () => void;
  onCancel: () => void;
}

export function Bar(props: BarProps) {
  const { signIn, name, state, viewer, phases, watcher, onWatch, onTakeOver, onBack, onCancel } = props;
  return (
    <header className="bar">
      <button
        type="button"
        className="button icon-only"
        aria-label="Back to connections"
        title="Back to connections"
        onClick={onBack}
      >
        <BackIcon />
      </button>
      <Monogram name={name} />
      <h1 className="bar-name">{name}</h1>
      {watcher ? (
        <Watching watcher={watcher} />
      ) : (
        <Connection viewer={viewer} status={statusOf(viewer, state.view?.state === "queued")} />
      )}
      <p className="bar-phase" aria-live="polite">
        {watcher ? "You see the desktop; mouse and keys are not sent" : announcement(phases, viewer)}
      </p>
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
      <LinkMenu url={state.view?.loginUrl?.url} />
      {state.hosts?.restricted && (
        <HostsMenu signIn={signIn} hosts={state.hosts} failed={state.hostsFailed} />
      )}
      <StepsMenu phases={phases} trouble={troubleOf(state, viewer)} />
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
      <button type="button" className="button" disabled={state.cancelling} onClick={onCancel}>
        {state.cancelling ? "Cancelling…" : "Cancel"}
      </button>
      {state.cancelFailed && (
        <p className="bar-error error" role="alert">
          The sign-in could not be cancelled. {state.cancelFailed}
        </p>
      )}
    </header>
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

function LinkMenu({ url }: { url: string | undefined }) {
  return (
    <>
      <button type="button" className="button" popoverTarget="link-menu" disabled={!url}>
        <LinkIcon />
        <span className="wide-only">Sign-in link</span>
      </button>
      <div id="link-menu" popover="auto" className="menu">
        <h2>Sign-in link</h2>
        <p className="quiet">
          The machine's browser has it open already. Use it there: the CLI waits for the answer inside the
          machine.
        </p>
        <p className="url">{url}</p>
        {url && <CopyButton text={url} label="Copy link" />}
      </div>
    </>
  );
}

function StepsMenu({ phases, trouble }: { phases: readonly PhaseView[]; trouble: string | undefined }) {
  return (
    <>
      <button type="button" className="button" popoverTarget="steps-menu">
        <StepsIcon />
        <span className="wide-only">Steps</span>
      </button>
      <div id="steps-menu" popover="auto" className="menu">
        <h2>Steps</h2>
        <Steps phases={phases} />
        {trouble && <p className="quiet steps-trouble">{trouble}</p>}
        <p className="quiet keys-hint">
          The desktop takes all keys. <kbd>Ctrl</kbd> <kbd>Alt</kbd> <kbd>Shift</kbd> together leave it.{" "}
          <kbd>Ctrl</kbd> <kbd>V</kbd> pastes what you copied on this computer, <kbd>Shift</kbd>{" "}
          <kbd>Insert</kbd> what was copied in the machine.
        </p>
      </div>
    </>
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
