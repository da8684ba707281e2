//! A sign-in without a desktop, while it runs: the way to code or link, then what the person takes into their own browser,
//! then the saving. It opens no connection to the machine. Of a session that was found it stands here empty until the
//! server has told what kind it is.

import type { Method } from "../api/types";
import type { SignIn, SignInSnapshot } from "../app/signin";
import { isPersonsTurn, phasesOf } from "../session/phases";
import { CAUSES } from "../session/reasons";
import { CodePanel } from "./CodePanel";
import { HostsMenu } from "./Hosts";
import { PastePanel } from "./PastePanel";
import { Progress } from "./Progress";
import { SessionBar, StepsMenu } from "./SessionBar";
import { lightStatusOf } from "./status";

interface LightViewProps {
  signIn: SignIn;
  name: string;
  state: SignInSnapshot;
  /** All of the provider's, once known. */
  methods: readonly Method[];
}

export function LightView({ signIn, name, state, methods }: LightViewProps) {
  const { view, method, unreachable, hosts } = state;
  const phases = phasesOf(view, method);
  const { tone, word } = lightStatusOf(view, unreachable);
  const doing = method ? phases.find((phase) => phase.state === "active")?.detail : undefined;
  return (
    <div className="sign-in light" data-method={method}>
      <SessionBar
        signIn={signIn}
        name={name}
        state={state}
        status={<span className={`status ${tone} bar-status`}>{word}</span>}
        says={doing ?? ""}
      >
        {hosts?.restricted && <HostsMenu signIn={signIn} hosts={hosts} failed={state.hostsFailed} />}
        {method && <StepsMenu phases={phases} />}
      </SessionBar>
      <main className="stage">
        {unreachable && <Unreachable />}
        {method && <Stage signIn={signIn} name={name} state={state} methods={methods} />}
      </main>
    </div>
  );
}

function Stage({ signIn, name, state, methods }: LightViewProps) {
  const { view, method, switchingTo } = state;
  if (!view || !isPersonsTurn(view)) {
    if (state.unreachable && !view) return null;
    return <Progress name={name} phases={phasesOf(view, method)} clickedAt={signIn.clickedAt} view={view} />;
  }
  const others = methods.filter((other) => other !== method);
  const panel = { signIn, name, view, others, isSwitching: switchingTo !== undefined };
  return method === "device" ? <CodePanel {...panel} /> : <PastePanel {...panel} />;
}

function Unreachable() {
  const { title, remedy } = CAUSES["controller-unreachable"];
  return (
    <section className="panel trouble" role="alert" data-cause="controller-unreachable">
      <h2>{title}</h2>
      <p>{remedy}</p>
    </section>
  );
}
