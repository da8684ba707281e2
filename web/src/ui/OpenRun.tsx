//! *Open*: one click begins one run and shows it. Where another run holds the credential, the person is told which one and
//! decides whether it is stopped.

import { useEffect, useRef, useState } from "react";
import { addressOfRun, goToRun } from "../app/route";
import { type Opened, openRun } from "../app/runs";
import { clock, exactly } from "../app/time";
import { Running } from "./Progress";
import { Confirm } from "./parts";
import { loadRunView } from "./run-view";

interface OpenRunProps {
  provider: string;
  name: string;
  /** What the CLI is given behind its command. */
  args?: readonly string[];
  label?: string;
  /** The button's look beside `button`. */
  look?: string;
  onFailure: (failure: string | undefined) => void;
}

type InUse = Extract<Opened, { kind: "in-use" }>;

interface Asked extends InUse {
  /** Since when this page waits for the other run's end. */
  waitingSince?: number;
  /** Why it could not be taken over. */
  failure?: string;
}

export function OpenRun(props: OpenRunProps) {
  const { provider, name, args = [], label = "Open", look = "primary", onFailure } = props;
  const [isOpening, setOpening] = useState(false);
  const [asked, setAsked] = useState<Asked>();
  const wanted = useWanted();
  const open = async () => {
    const isWanted = wanted.begin();
    setOpening(true);
    onFailure(undefined);
    loadRunView();
    const got = await openRun({ provider, arguments: args, takeOver: false });
    if (!isWanted()) return;
    setOpening(false);
    if (got.kind === "opened") goToRun(got.runId);
    else if (got.kind === "in-use") setAsked(got);
    else onFailure(got.detail);
  };
  const takeOver = async (from: InUse) => {
    const isWanted = wanted.begin();
    setAsked({ ...from, waitingSince: Date.now() });
    const got = await openRun({ provider, arguments: args, takeOver: true });
    if (!isWanted()) return;
    if (got.kind === "opened") goToRun(got.runId);
    else if (got.kind === "failed") setAsked({ ...from, failure: got.detail });
    else setAsked({ ...got, failure: "Yet another run has taken it meanwhile." });
  };
  const close = () => {
    wanted.end();
    setAsked(undefined);
  };
  return (
    <>
      <button type="button" className={`button ${look}`} disabled={isOpening} onClick={() => void open()}>
        {isOpening ? "Opening…" : label} <span className="off-screen">{name}</span>
      </button>
      {asked && <TakeOver name={name} asked={asked} onConfirm={() => void takeOver(asked)} onClose={close} />}
    </>
  );
}

/** Whether what was begun last is still waited for: a person who went elsewhere meanwhile is not fetched back. */
function useWanted() {
  const newest = useRef(0);
  const wanted = useRef({
    begin: () => {
      newest.current += 1;
      const mine = newest.current;
      return () => newest.current === mine;
    },
    end: () => {
      newest.current += 1;
    },
  });
  useEffect(() => wanted.current.end, []);
  return wanted.current;
}

interface TakeOverProps {
  name: string;
  asked: Asked;
  onConfirm: () => void;
  onClose: () => void;
}

function TakeOver({ name, asked, onConfirm, onClose }: TakeOverProps) {
  const { waitingSince, failure } = asked;
  const isBusy = waitingSince !== undefined;
  return (
    <Confirm
      title={`${name} is in use`}
      confirm={isBusy ? "Taking over…" : "Take over"}
      keep={isBusy ? "Close" : "Leave it"}
      isBusy={isBusy}
      onConfirm={onConfirm}
      onClose={onClose}
    >
      <div className="take-over" data-take-over={isBusy ? "waiting" : "asking"}>
        <WhoHolds name={name} asked={asked} />
        {isBusy ? (
          <p role="status">
            Waiting until that run has stopped and its changes of the credential are saved, which takes up to
            20 seconds. <Running since={waitingSince} />
          </p>
        ) : (
          <p>
            Taking over stops that run, whatever it is doing. What it has changed of the credential is saved
            first.
          </p>
        )}
        {failure && (
          <p className="error" role="alert">
            {failure}
          </p>
        )}
      </div>
    </Confirm>
  );
}

function WhoHolds({ name, asked: { holder, detail } }: { name: string; asked: Asked }) {
  if (!holder) return <p>{detail}</p>;
  const { runId, since } = holder;
  return (
    <p>
      <a href={addressOfRun(runId)}>Another run</a> has used this connection since{" "}
      <time dateTime={new Date(since).toISOString()} title={exactly(since)}>
        {clock(since, Date.now())}
      </time>
      . {name} renews its credential while it works, so that one run at a time can use it.
    </p>
  );
}
