//! Which view is shown: no access, the dashboard, the connection, the tokens, the machines, a
//! run, or a sign-in. A run's code is loaded when it is shown.

import { useEffect, useState } from "react";
import { onSignedOut } from "../api/client";
import { current } from "../app/current";
import { route } from "../app/route";
import { currentRun } from "../app/run";
import { useStore } from "../app/store";
import { Connection } from "./Connection";
import { Dashboard } from "./Dashboard";
import { MachineLog } from "./MachineLog";
import { Machines } from "./Machines";
import { NoAccess } from "./NoAccess";
import { loadRunView, runView } from "./run-view";
import { SignInView } from "./SignInView";
import { Tokens } from "./Tokens";

export function App() {
  const where = useStore(route);
  const { at } = where;
  const signIn = useStore(current);
  const run = useStore(currentRun);
  const loaded = useStore(runView);
  const [signedOut, setSignedOut] = useState(false);
  useEffect(() => onSignedOut(() => setSignedOut(true)), []);
  useEffect(() => {
    if (at === "run") loadRunView();
  }, [at]);
  if (signedOut) return <NoAccess />;
  if (at === "connection") return <Connection />;
  if (at === "tokens") return <Tokens />;
  if (at === "machines") return <Machines />;
  if (where.at === "machine") return <MachineLog key={where.id} id={where.id} />;
  if (at === "run" && run) {
    if (!loaded) return <div className="sign-in" />;
    return <loaded.View key={run.state.snapshot().runId} run={run} />;
  }
  if (at !== "dashboard" && signIn) return <SignInView key={signIn.clickedAt} signIn={signIn} />;
  return <Dashboard />;
}
