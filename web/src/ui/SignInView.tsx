//! A sign-in from the click to its end: what it looks like by its method while it runs, a result when it is over.

import { useEffect } from "react";
import type { Provider } from "../api/types";
import type { DesktopPart } from "../app/desktop";
import { named, providers, refresh } from "../app/providers";
import type { SignIn, SignInSnapshot } from "../app/signin";
import { useStore } from "../app/store";
import { isEnded } from "../session/view";
import { DesktopView } from "./DesktopView";
import { LightView } from "./LightView";
import { Result } from "./Result";

export function SignInView({ signIn }: { signIn: SignIn }) {
  const state = useStore(signIn.state);
  const list = useStore(providers);
  const provider = named(list, state.provider);
  const name = provider?.name ?? state.provider ?? "the provider";
  const ended = hasEnded(state);
  useTitle(name, ended, state);
  useEffect(() => void refresh(), []);
  // Who is signed in now is known only after the end.
  useEffect(() => {
    if (ended) void refresh();
  }, [ended]);
  if (ended || state.problem) {
    return <Result signIn={signIn} name={name} provider={provider} refused={state.problem} />;
  }
  if (state.desktop)
    return <OnDesktop signIn={signIn} name={name} state={state} part={state.desktop} provider={provider} />;
  return <LightView signIn={signIn} name={name} state={state} methods={provider?.methods ?? []} />;
}

/** Whether the person is told of an end. One that makes way for another method is none to tell of. */
function hasEnded({ view, switchingTo }: SignInSnapshot): boolean {
  if (!view || !isEnded(view.state)) return false;
  return !switchingTo || view.state !== "cancelled";
}

interface OnDesktopProps {
  signIn: SignIn;
  name: string;
  state: SignInSnapshot;
  part: DesktopPart;
  provider: Provider | undefined;
}

function OnDesktop({ signIn, name, state, part, provider }: OnDesktopProps) {
  const viewer = useStore(part.viewer);
  if (viewer.phase.at === "refused") {
    return <Result signIn={signIn} name={name} provider={provider} refused={viewer.phase.problem} />;
  }
  const methods = provider?.methods ?? [];
  return (
    <DesktopView signIn={signIn} name={name} state={state} part={part} viewer={viewer} methods={methods} />
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
