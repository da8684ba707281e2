//! The line above a run's terminal: whose it is, how it stands, and what can be done with the terminal besides typing.

import { type ReactNode, useState } from "react";
import { goToDashboard } from "../app/route";
import type { Run, RunSnapshot } from "../app/run";
import { useStore } from "../app/store";
import { FONT_PX } from "../terminal/limits";
import { change, settings } from "../terminal/settings";
import type { RunTerminal } from "../terminal/terminal";
import { BackIcon, BiggerIcon, CopyIcon, MoreIcon, PasteIcon, SearchIcon, SmallerIcon } from "./icons";
import { Monogram } from "./parts";
import { ConfirmStop } from "./Runs";
import type { Status } from "./status";

interface RunBarProps {
  run: Run;
  name: string;
  state: RunSnapshot;
  status: Status;
  /** One sentence; screen readers hear each change of it. */
  says: string;
  /** Once there is one. */
  terminal: RunTerminal | undefined;
  onSearch: () => void;
}

export function RunBar({ run, name, state, status, says, terminal, onSearch }: RunBarProps) {
  const [asking, setAsking] = useState(false);
  const isEnded = state.view?.state === "ended";
  return (
    <header className="bar">
      <Tool label="Back to connections" onClick={goToDashboard}>
        <BackIcon />
      </Tool>
      <Monogram name={name} />
      <h1 className="bar-name">{name}</h1>
      <span className={`status ${status.tone} bar-status`}>{status.word}</span>
      <p className="bar-phase" aria-live="polite">
        {says}
      </p>
      {terminal && <Tools terminal={terminal} onSearch={onSearch} />}
      {!isEnded && (
        <button type="button" className="button" disabled={state.stopping} onClick={() => setAsking(true)}>
          {state.stopping ? "Stopping…" : "Stop"}
        </button>
      )}
      {state.stopFailed && (
        <p className="bar-error error" role="alert">
          The run could not be stopped. {state.stopFailed}
        </p>
      )}
      {asking && (
        <ConfirmStop
          name={name}
          onConfirm={() => {
            setAsking(false);
            void run.stop();
          }}
          onClose={() => setAsking(false)}
        />
      )}
    </header>
  );
}

function Tools({ terminal, onSearch }: { terminal: RunTerminal; onSearch: () => void }) {
  const { hasSelection } = useStore(terminal.state);
  // A button takes the focus, and the person goes on typing.
  const then = (act: () => unknown) => () => {
    void act();
    terminal.focus();
  };
  return (
    <>
      <Tool label="Search" keys="Ctrl+Shift+F" onClick={onSearch}>
        <SearchIcon />
      </Tool>
      <span className="wide-tools">
        <Tool label="Copy" keys="Ctrl+Shift+C" isOff={!hasSelection} onClick={then(() => terminal.copy())}>
          <CopyIcon />
        </Tool>
        <Tool label="Paste" keys="Ctrl+Shift+V" onClick={then(() => terminal.paste())}>
          <PasteIcon />
        </Tool>
        <TextSize onDone={() => terminal.focus()} />
      </span>
      <More terminal={terminal} />
    </>
  );
}

function TextSize({ onDone }: { onDone: () => void }) {
  const { fontPx } = useStore(settings);
  const by = (px: number) => () => {
    change({ fontPx: fontPx + px });
    onDone();
  };
  return (
    <>
      <Tool label="Smaller text" isOff={fontPx <= FONT_PX.least} onClick={by(-1)}>
        <SmallerIcon />
      </Tool>
      <Tool label="Bigger text" isOff={fontPx >= FONT_PX.most} onClick={by(1)}>
        <BiggerIcon />
      </Tool>
    </>
  );
}

function More({ terminal }: { terminal: RunTerminal }) {
  const { screenReader } = useStore(settings);
  return (
    <>
      <button
        type="button"
        className="button icon-only"
        aria-label="More"
        title="More"
        popoverTarget="run-menu"
      >
        <MoreIcon />
      </button>
      <div id="run-menu" popover="auto" className="menu">
        <h2>Terminal</h2>
        <div className="narrow-tools">
          <button type="button" className="button" onClick={() => void terminal.copy()}>
            <CopyIcon /> Copy
          </button>
          <button type="button" className="button" onClick={() => void terminal.paste()}>
            <PasteIcon /> Paste
          </button>
          <TextSize onDone={() => undefined} />
        </div>
        <label className="choice">
          <input
            type="checkbox"
            checked={screenReader}
            onChange={({ target }) => change({ screenReader: target.checked })}
          />
          Read out what is written, for screen readers
        </label>
        <dl className="key-list">
          <Keys does="Copy what is selected">
            <kbd>Ctrl</kbd> <kbd>Shift</kbd> <kbd>C</kbd>
          </Keys>
          <Keys does="Paste">
            <kbd>Ctrl</kbd> <kbd>Shift</kbd> <kbd>V</kbd>
          </Keys>
          <Keys does="Search">
            <kbd>Ctrl</kbd> <kbd>Shift</kbd> <kbd>F</kbd>
          </Keys>
          <Keys does="Leave the terminal">
            <kbd>Ctrl</kbd> <kbd>Alt</kbd> <kbd>Shift</kbd>
          </Keys>
        </dl>
        <p className="quiet">
          All other keys go to the CLI. The right button copies what is selected, and pastes when nothing is;
          with <kbd>Shift</kbd> it opens the browser's own menu.
        </p>
      </div>
    </>
  );
}

function Keys({ does, children }: { does: string; children: ReactNode }) {
  return (
    <div>
      <dt>{children}</dt>
      <dd>{does}</dd>
    </div>
  );
}

interface ToolProps {
  label: string;
  keys?: string;
  isOff?: boolean;
  onClick: () => void;
  children: ReactNode;
}

export function Tool({ label, keys, isOff, onClick, children }: ToolProps) {
  return (
    <button
      type="button"
      className="button icon-only"
      aria-label={label}
      title={keys ? `${label} (${keys})` : label}
      disabled={isOff ?? false}
      onClick={onClick}
    >
      {children}
    </button>
  );
}
