//! The run that holds a credential which rotates, with a way to it.

import type { Holder } from "../api/types";
import { addressOfRun } from "../app/route";
import { clock } from "../app/time";
import { Time } from "./parts";

export function HeldBy({ holder: { runId, since }, name }: { holder: Holder; name: string }) {
  return (
    <>
      by{" "}
      <a href={addressOfRun(runId)} data-holder={runId}>
        a run<span className="off-screen"> of {name}</span>
      </a>{" "}
      since <Time at={since}>{clock(since, Date.now())}</Time>
    </>
  );
}
