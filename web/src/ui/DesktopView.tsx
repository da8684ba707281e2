//! A sign-in on a machine's desktop, while it runs: bar, desktop, and what stands over it.

import type { Method } from "../api/types";
import type { DesktopPart } from "../app/desktop";
import type { SignIn, SignInSnapshot } from "../app/signin";
import { useStore } from "../app/store";
import { phasesOf } from "../session/phases";
import type { ViewerSnapshot } from "../viewer/viewer";
import { AnotherWay } from "./AnotherWay";
import { Bar } from "./Bar";
import { Desktop } from "./Desktop";
import { Progress } from "./Progress";
import { Elsewhere, needsExplaining, Trouble } from "./Trouble";
import { Watched } from "./Watched";

interface DesktopViewProps {
  signIn: SignIn;
  name: string;
  state: SignInSnapshot;
  part: DesktopPart;
  viewer: ViewerSnapshot;
  /** All of the provider's, once known. */
  methods: readonly Method[];
}

export function DesktopView(props: DesktopViewProps) {
  const { signIn, name, state, part, viewer, methods } = props;
  const others = methods.filter((method) => method !== "desktop");
  const watcher = useStore(part.watcher);
  const isOurs = viewer.pictured && !watcher && viewer.phase.at !== "elsewhere";
  return (
    <div
      className="sign-in"
      data-method="desktop"
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
        phases={phasesOf(state.view)}
        watcher={watcher}
        onWatch={part.cameLater ? () => part.watch() : undefined}
        onTakeOver={() => part.takeOver()}
        others={others}
      />
      <main className="stage" id="stage">
        <Desktop viewer={part.viewer} isLive={viewer.phase.at === "live"} isOurs={isOurs} />
        {watcher ? (
          <Watched watcher={watcher} isTaking={viewer.phase.at !== "elsewhere"} />
        ) : (
          <Over {...props} />
        )}
      </main>
    </div>
  );
}

/** What stands over the desktop: the way to the first picture, or what is the matter with the present one. */
function Over({ signIn, name, state, part, viewer, methods }: DesktopViewProps) {
  if (viewer.phase.at === "elsewhere")
    return <Elsewhere onTakeOver={() => part.takeOver()} onWatch={() => part.watch()} />;
  return (
    <>
      {!viewer.pictured && !needsExplaining(viewer) && (
        <Progress name={name} phases={phasesOf(state.view)} clickedAt={signIn.clickedAt} view={state.view} />
      )}
      <Trouble viewer={viewer} onRetry={() => part.viewer.retryNow()}>
        <AnotherWay
          signIn={signIn}
          others={methods.filter((method) => method !== "desktop")}
          isSwitching={state.switchingTo !== undefined}
        />
      </Trouble>
    </>
  );
}
