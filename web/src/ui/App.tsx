//! Which view is shown: no access, the dashboard, the connection, the machines, or a sign-in.

import { useEffect, useState } from "react";
import { onSignedOut } from "../api/client";
import { route } from "../app/route";
import { current } from "../app/signin";
import { useStore } from "../app/store";
import { Connection } from "./Connection";
import { Dashboard } from "./Dashboard";
import { MachineLog } from "./MachineLog";
import { Machines } from "./Machines";
import { NoAccess } from "./NoAccess";
import { SignInView } from "./SignInView";

export function App() {
  const where = useStore(route);
  const { at } = where;
  const signIn = useStore(current);
  const [signedOut, setSignedOut] = useState(false);
  useEffect(() => onSignedOut(() => setSignedOut(true)), []);
  if (signedOut) return <NoAccess />;
  if (at === "connection") return <Connection />;
  if (at === "machines") return <Machines />;
  if (where.at === "machine") return <MachineLog key={where.id} id={where.id} />;
  if (at !== "dashboard" && signIn) return <SignInView key={signIn.clickedAt} signIn={signIn} />;
  return <Dashboard />;
}
