//! Decides what a key event means for the machine. It knows what is held, so that nothing stays held there when the
//! page loses the focus, and which keys the page keeps for itself:
//!
//! - Ctrl+Alt+Shift, pressed together, leaves the desktop (`leave`).
//! - Ctrl+V or Cmd+V pastes the person's own clipboard. The machine's is pasted by Shift+Insert.
//! - Keys of an input method become text when it is done (`native`).

import type { Input } from "../viewer/messages";

export interface KeyEvent {
  type: "keydown" | "keyup";
  code: string;
  key: string;
  keyCode: number;
  isComposing: boolean;
  ctrlKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  metaKey: boolean;
  /** `getModifierState("AltGraph")`; Windows reports AltGr as Ctrl and Alt too. */
  altGraph: boolean;
}

export type Verdict =
  /** Send these; the browser must do nothing. */
  | { do: "send"; messages: Input[] }
  /** The browser goes on: an input method or a paste. */
  | { do: "native" }
  /** The desktop gives the keyboard back, after everything was released. */
  | { do: "leave" };

/** Longest `code` and `key` that are passed on. Real ones have below 20 characters. */
const MAX_KEY_CHARS = 32;
/** `keyCode` while an input method works on the key. */
const IN_COMPOSITION = 229;
const MODIFIERS = new Set(["Control", "Shift", "Alt", "AltGraph", "Meta"]);

export class Keyboard {
  /** What is held in the machine: `code` to `key`. */
  readonly #held = new Map<string, string>();
  readonly #isMac: boolean;

  constructor(isMac: boolean) {
    this.#isMac = isMac;
  }

  handle(event: KeyEvent): Verdict {
    if (event.type === "keyup") return this.#up(event);
    if (event.isComposing || event.keyCode === IN_COMPOSITION || isTextOnly(event)) return { do: "native" };
    if (leaves(event)) return { do: "leave" };
    if (this.#isPaste(event)) return { do: "native" };
    const key = this.#meaning(event.key);
    const messages = event.key === "AltGraph" ? this.#withoutFalseControl() : [];
    this.#held.set(event.code, key);
    return { do: "send", messages: [...messages, { t: "key", code: event.code, key, down: true }] };
  }

  /** A text from an input method or a clipboard. Held modifiers would make commands of its letters. */
  text(pieces: string[]): Input[] {
    const modifiers = [...this.#held].filter(([, key]) => MODIFIERS.has(key));
    const change = (down: boolean) => modifiers.map(([code, key]): Input => ({ t: "key", code, key, down }));
    return [...change(false), ...pieces.map((text): Input => ({ t: "text", text })), ...change(true)];
  }

  /** Forgets what is held, and says so if anything was. */
  release(): Input[] {
    this.#held.clear();
    return [{ t: "release" }];
  }

  #up(event: KeyEvent): Verdict {
    const key = this.#held.get(event.code);
    // Its press was not sent, so neither is its release.
    if (key === undefined) return { do: "native" };
    const messages: Input[] = [];
    // macOS tells of no release while Cmd is held: with Cmd, everything goes up.
    const codes = event.key === "Meta" ? [...this.#held.keys()] : [event.code];
    for (const code of codes) {
      messages.push({ t: "key", code, key: this.#held.get(code) ?? event.key, down: false });
      this.#held.delete(code);
    }
    return { do: "send", messages };
  }

  /** Windows presses a Ctrl of its own before AltGr, which would turn every letter into a command. */
  #withoutFalseControl(): Input[] {
    const key = this.#held.get("ControlLeft");
    if (key === undefined) return [];
    this.#held.delete("ControlLeft");
    return [{ t: "key", code: "ControlLeft", key, down: false }];
  }

  #isPaste(event: KeyEvent): boolean {
    const command = this.#isMac ? event.metaKey : event.ctrlKey;
    return command && !event.altKey && event.key.toLowerCase() === "v";
  }

  /** On a Mac, Cmd does what Ctrl does in the machine. */
  #meaning(key: string): string {
    return this.#isMac && key === "Meta" ? "Control" : key;
  }
}

/** A dead key becomes text or the next key's meaning; a phone's keyboard names no keys. */
function isTextOnly({ key, code }: KeyEvent): boolean {
  return (
    key === "Dead" ||
    key === "Unidentified" ||
    key === "Process" ||
    code === "" ||
    code.length > MAX_KEY_CHARS ||
    key.length > MAX_KEY_CHARS
  );
}

function leaves(event: KeyEvent): boolean {
  const { ctrlKey, altKey, shiftKey, altGraph } = event;
  return ctrlKey && altKey && shiftKey && !altGraph && MODIFIERS.has(event.key);
}
