//! Searching in what the terminal has written: a field over the terminal's corner, and which of the found places is shown.

import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useStore } from "../app/store";
import type { Found } from "../terminal/screen";
import type { RunTerminal } from "../terminal/terminal";
import { ChevronIcon, CloseIcon, UpIcon } from "./icons";
import { Tool } from "./RunBar";

export function RunSearch({ terminal, onClose }: { terminal: RunTerminal; onClose: () => void }) {
  const { found } = useStore(terminal.state);
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    field.current?.focus();
    return () => terminal.endSearch();
  }, [terminal]);
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape") return onClose();
    if (event.key !== "Enter") return;
    event.preventDefault();
    terminal.find(text, event.shiftKey ? "next" : "previous");
  };
  return (
    <search className="run-search panel">
      <input
        ref={field}
        type="text"
        value={text}
        aria-label="Search in the terminal"
        placeholder="Search"
        autoComplete="off"
        spellCheck={false}
        onChange={({ target }) => {
          setText(target.value);
          terminal.find(target.value, "previous");
        }}
        onKeyDown={onKey}
      />
      <span className="quiet run-found" aria-live="polite">
        {text ? told(found) : ""}
      </span>
      <Tool label="Earlier" keys="Enter" onClick={() => terminal.find(text, "previous")}>
        <UpIcon />
      </Tool>
      <Tool label="Later" keys="Shift+Enter" onClick={() => terminal.find(text, "next")}>
        <ChevronIcon />
      </Tool>
      <Tool label="End the search" keys="Esc" onClick={onClose}>
        <CloseIcon />
      </Tool>
    </search>
  );
}

function told(found: Found | undefined): string {
  if (!found || found.count === 0) return "Not found";
  return found.index < 0 ? `${found.count} or more` : `${found.index + 1} of ${found.count}`;
}
