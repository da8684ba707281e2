//! A sign-in from the click to its end: bar and desktop while it runs, a result when it is over.

import { useEffect, useState } from "react";
import { named, providers, refresh } from "../app/providers";
import { goToDashboard } from "../app/route";
import type { SignIn, SignInSnapshot } from "../app/signin";
import { useStore } from "../app/store";
import { phasesOf } from "../session/phases";
import { isEnded } from "../session/view";
import type { ViewerSnapshot } from "../viewer/viewer";
import { Bar } from "./Bar";
import { Desktop } from "./Desktop";
import { Progress } from "./Progress";
import { Confirm } from "./parts";
import { Result } from "./Result";
import { Elsewhere, needsExplaining, Trouble } from "./Trouble";
import { Watched } from "./Watched";

export function SignInView({ signIn }: { signIn: SignIn }) {
  const state = useStore(signIn.state);
  const viewer = useStore(signIn.viewer);
  const list = useStore(providers);
  const provider = named(list, state.provider);
  const name = provider?.name ?? state.provider ?? "the provider";
  const ended = state.view !== undefined && isEnded(state.view.state);
  useTitle(name, ended, state);
  useEffect(() => void refresh(), []);
  // Who is signed in now is known only after the end.
  useEffect(() => {
    if (ended) void refresh();
  }, [ended]);
  if (ended || state.problem || viewer.phase.at === "refused") {
    return <Result signIn={signIn} name={name} account={provider?.credential?.account ?? undefined} />;
  }
  return <Running signIn={signIn} name={name} state={state} viewer={viewer} />;
}

interface RunningProps {
  signIn: SignIn;
  name: string;
  state: SignInSnapshot;
  viewer: ViewerSnapshot;
}

function Running({ signIn, name, state, viewer }: RunningProps) {
  const [asking, setAsking] = useState(false);
  const phases = phasesOf(state.view);
  const { watcher } = state;
  const isOurs = viewer.pictured && !watcher && viewer.phase.at !== "elsewhere";
  return (
    <div
      className="sign-in"
      data-connection={viewer.phase.at}
      data-epoch={viewer.epoch}
      data-pictured={viewer.pictured}
      data-cause={viewer.cause}
      data-view-only={watcher ? true : undefined}
    >
      <Bar
        signIn={signIn}
        name={name}
        state={state}
        viewer={viewer}
        phases={phases}
        watcher={watcher}
        onWatch={signIn.cameLater ? () => signIn.watch() : undefined}
        onTakeOver={() => signIn.takeOver()}
        onBack={goToDashboard}
        onCancel={() => setAsking(true)}
      />
      <main className="stage" id="stage">
        <Desktop viewer={signIn.viewer} isLive={viewer.phase.at === "live"} isOurs={isOurs} />
        {watcher ? (
          <Watched watcher={watcher} isTaking={viewer.phase.at !== "elsewhere"} />
        ) : (
          <Over signIn={signIn} name={name} state={state} viewer={viewer} />
        )}
      </main>
      {asking && (
        <Confirm
          title="Cancel this sign-in?"
          confirm="Cancel the sign-in"
          keep="Go on"
          onConfirm={() => {
            setAsking(false);
            void signIn.cancel();
          }}
          onClose={() => setAsking(false)}
        >
          <p>Its machine is destroyed, and nothing is saved.</p>
        </Confirm>
      )}
    </div>
  );
}

/** What stands over the desktop: the way to the first picture, or what is the matter with the present one. */
function Over({ signIn, name, state, viewer }: RunningProps) {
  if (viewer.phase.at === "elsewhere")
    return <Elsewhere onTakeOver={() => signIn.takeOver()} onWatch={() => signIn.watch()} />;
  const clickedAt = state.view?.createdAt ?? signIn.clickedAt;
  const queue = state.view?.state === "queued" ? { ahead: state.view.ahead ?? undefined } : undefined;
  return (
    <>
      {!viewer.pictured && !needsExplaining(viewer) && (
        <Progress name={name} phases={phasesOf(state.view)} clickedAt={clickedAt} queue={queue} />
      )}
      <Trouble viewer={viewer} onRetry={() => signIn.viewer.retryNow()} />
    </>
  );
}

function useTitle(name: string, ended: boolean, state: SignInSnapshot) {
  const word = !ended ? "Signing in to" : state.view?.state === "succeeded" ? "Connected:" : "Not connected:";
  useEffect(() => {
    document.title = `${word} ${name} · Anteroom`;
    return () => {
      document.title = "Anteroom";
    };
  }, [word, name]);
}
