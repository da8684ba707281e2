//! The administrator's page: every machine with what it is for and what it uses, and those that failed.

import { useEffect, useState } from "react";
import type { FailedMachine, MachineList, MachineState, MachineView } from "../api/types";
import { destroyMachine, machines, refreshMachines, stopMachine } from "../app/machines";
import { useStore } from "../app/store";
import { ago, lasted } from "../app/time";
import { Header } from "./Header";
import { Confirm, FocusedHeading, Time } from "./parts";

/** How often the list is fetched while it is looked at. */
const REFRESH_MS = 3_000;

export function Machines() {
  const now = useStore(machines);
  useFresh();
  return (
    <div className="page">
      <Header at="machines" />
      <main className="dashboard machines">
        <FocusedHeading>Machines</FocusedHeading>
        <p className="lead">
          Every machine of this server: one for each sign-in, and those that wait for the next. A machine is
          destroyed when its sign-in ends; what a failed one wrote is kept.
        </p>
        <Loaded now={now} />
      </main>
    </div>
  );
}

function useFresh() {
  useEffect(() => {
    const fresh = () => {
      if (document.visibilityState === "visible") void refreshMachines();
    };
    void refreshMachines();
    const timer = setInterval(fresh, REFRESH_MS);
    document.addEventListener("visibilitychange", fresh);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", fresh);
    };
  }, []);
}

function Loaded({ now }: { now: ReturnType<typeof machines.snapshot> }) {
  switch (now.state) {
    case "loading":
      return <section className="panel list-panel" aria-busy="true" aria-label="Loading" />;
    case "failed":
      return (
        <div className="notice" role="alert">
          <p>The list of machines could not be fetched. {now.detail}</p>
          <button type="button" className="button" onClick={() => void refreshMachines()}>
            Try again
          </button>
        </div>
      );
    case "loaded":
      return (
        <>
          <Present list={now.list} at={now.at} />
          <Failed failed={now.list.failed} at={now.at} />
        </>
      );
  }
}

function Present({ list, at }: { list: MachineList; at: number }) {
  const count = list.machines.length;
  return (
    <section className="panel list-panel">
      <h2>
        {count === 0 ? "No machine is there" : `${count} of ${list.max} places are taken`}
        {list.more && "; the first are shown"}
      </h2>
      {count > 0 && (
        <table className="machine-table">
          <thead>
            <tr>
              <th scope="col">Machine</th>
              <th scope="col">State</th>
              <th scope="col">Age</th>
              <th scope="col">Memory</th>
              <th scope="col">CPU</th>
              <th scope="col">
                <span className="off-screen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {list.machines.map((machine) => (
              <PresentRow key={machine.id} machine={machine} limit={list.memoryLimitBytes} at={at} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

const STATES: Record<MachineState, { word: string; tone: string }> = {
  planned: { word: "Planned", tone: "" },
  creating: { word: "Being made", tone: "busy" },
  waiting: { word: "Waits for a sign-in", tone: "good" },
  serving: { word: "In use", tone: "good" },
  kept: { word: "Kept for a look", tone: "bad" },
  ending: { word: "Being destroyed", tone: "" },
};

function PresentRow({ machine, limit, at }: { machine: MachineView; limit: number; at: number }) {
  const { word, tone } = STATES[machine.state];
  const { provider } = machine;
  return (
    <tr data-machine={machine.id} data-state={machine.state}>
      <th scope="row">
        <Name id={machine.id} note={provider ? `${provider}, ${machine.driver}` : machine.driver} />
      </th>
      <td data-label="State">
        <span className={`status ${tone}`}>{word}</span>
      </td>
      <td data-label="Age">
        <Time at={machine.createdAt}>{lasted(at - machine.createdAt)}</Time>
      </td>
      <td data-label="Memory">{machine.memoryBytes == null ? "—" : memory(machine.memoryBytes, limit)}</td>
      <td data-label="CPU">{machine.cpuPercent == null ? "—" : `${machine.cpuPercent} %`}</td>
      <td className="machine-acts">
        <LogLink id={machine.id} />
        {machine.state !== "ending" && <Stop machine={machine} />}
      </td>
    </tr>
  );
}

function Stop({ machine }: { machine: MachineView }) {
  const [asking, setAsking] = useState(false);
  const [failure, setFailure] = useState<string>();
  const isKept = machine.state === "kept";
  const stop = async () => {
    setAsking(false);
    setFailure(await stopMachine(machine.id));
  };
  return (
    <>
      <button type="button" className="button plain" onClick={() => setAsking(true)}>
        {isKept ? "Destroy" : "Stop"} <span className="off-screen">{short(machine.id)}</span>
      </button>
      {failure && (
        <p className="error" role="alert">
          {failure}
        </p>
      )}
      {asking && (
        <Confirm
          title={isKept ? "Destroy this machine?" : "Stop this machine?"}
          confirm={isKept ? "Destroy it" : "Stop it"}
          keep="Leave it"
          onConfirm={() => void stop()}
          onClose={() => setAsking(false)}
        >
          <p>
            {isKept
              ? "Its sign-in has failed, and it is kept for a look. What it wrote stays."
              : machine.session
                ? "Its sign-in ends at once, and its person is told that you stopped it. What it wrote is kept."
                : "Nobody uses it. Another one takes its place, if this server keeps machines waiting."}
          </p>
        </Confirm>
      )}
    </>
  );
}

function Failed({ failed, at }: { failed: readonly FailedMachine[]; at: number }) {
  if (failed.length === 0) return null;
  return (
    <section className="panel list-panel">
      <h2>Failed lately</h2>
      <ul className="failed-machines">
        {failed.map((machine) => (
          <FailedRow key={machine.id} machine={machine} at={at} />
        ))}
      </ul>
    </section>
  );
}

function FailedRow({ machine, at }: { machine: FailedMachine; at: number }) {
  const [asking, setAsking] = useState(false);
  const [failure, setFailure] = useState<string>();
  const { provider } = machine;
  const forget = async () => {
    setAsking(false);
    setFailure(await destroyMachine(machine.id));
  };
  return (
    <li className="failed-machine" data-machine={machine.id}>
      <div>
        <Name id={machine.id} note={provider ? `${provider}, ${machine.driver}` : machine.driver} />
        <p className="failed-why">{machine.reason.detail}</p>
        {failure && (
          <p className="error" role="alert">
            {failure}
          </p>
        )}
      </div>
      <p className="quiet">
        <Time at={machine.failedAt}>{ago(machine.failedAt, at)}</Time>
      </p>
      <div className="machine-acts">
        <LogLink id={machine.id} />
        <button type="button" className="button plain" onClick={() => setAsking(true)}>
          Forget <span className="off-screen">{short(machine.id)}</span>
        </button>
      </div>
      {asking && (
        <Confirm
          title="Forget what this machine wrote?"
          confirm="Forget it"
          keep="Keep it"
          onConfirm={() => void forget()}
          onClose={() => setAsking(false)}
        >
          <p>The machine is gone; its log is all that explains why it failed.</p>
        </Confirm>
      )}
    </li>
  );
}

function Name({ id, note }: { id: string; note: string }) {
  return (
    <>
      <code title={id}>{short(id)}</code>
      <span className="quiet">{note}</span>
    </>
  );
}

function LogLink({ id }: { id: string }) {
  return (
    <a className="button" href={`#/machines/${id}`}>
      Log <span className="off-screen">of {short(id)}</span>
    </a>
  );
}

/** The beginning that a person compares; all of it is in the title, and in the address of its log. */
export function short(id: string): string {
  return id.slice(0, 12);
}

function memory(bytes: number, limit: number): string {
  const mib = (of: number) => Math.round(of / 1_048_576);
  return `${mib(bytes)} of ${mib(limit)} MiB`;
}
