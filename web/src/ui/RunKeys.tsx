//! A row of keys that the keyboard of a telephone does not have. It never takes the focus, so that the keyboard stays.

import type { PointerEvent } from "react";
import { useStore } from "../app/store";
import type { ExtraKey } from "../terminal/keys";
import type { RunTerminal } from "../terminal/terminal";

const KEYS: readonly { key: ExtraKey; sign: string; label: string }[] = [
  { key: "left", sign: "←", label: "Left" },
  { key: "up", sign: "↑", label: "Up" },
  { key: "down", sign: "↓", label: "Down" },
  { key: "right", sign: "→", label: "Right" },
];

const keepFocus = (event: PointerEvent) => event.preventDefault();

export function RunKeys({ terminal }: { terminal: RunTerminal }) {
  const { ctrl } = useStore(terminal.state);
  return (
    <div className="run-keys" role="toolbar" aria-label="Keys" onPointerDown={keepFocus}>
      <button type="button" className="button" onClick={() => terminal.press("escape")}>
        Esc
      </button>
      <button type="button" className="button" onClick={() => terminal.press("tab")}>
        Tab
      </button>
      <button
        type="button"
        className={ctrl ? "button primary" : "button"}
        aria-pressed={ctrl}
        onClick={() => terminal.holdCtrl(!ctrl)}
      >
        Ctrl
      </button>
      {KEYS.map(({ key, sign, label }) => (
        <button
          key={key}
          type="button"
          className="button"
          aria-label={label}
          onClick={() => terminal.press(key)}
        >
          {sign}
        </button>
      ))}
    </div>
  );
}
