import { describe, expect, it } from "vitest";
import { Keyboard, type KeyEvent } from "./keyboard";

function key(type: KeyEvent["type"], code: string, name: string, more: Partial<KeyEvent> = {}): KeyEvent {
  return {
    type,
    code,
    key: name,
    keyCode: 0,
    isComposing: false,
    ctrlKey: false,
    altKey: false,
    shiftKey: false,
    metaKey: false,
    altGraph: false,
    ...more,
  };
}
const down = (code: string, name: string, more: Partial<KeyEvent> = {}) => key("keydown", code, name, more);
const up = (code: string, name: string, more: Partial<KeyEvent> = {}) => key("keyup", code, name, more);

describe("a key", () => {
  it("is sent with its place and its meaning in the person's layout", () => {
    const keyboard = new Keyboard(false);
    expect(keyboard.handle(down("Minus", "ß"))).toEqual({
      do: "send",
      messages: [{ t: "key", code: "Minus", key: "ß", down: true }],
    });
  });

  it("is released as what it was pressed, though Shift went up meanwhile", () => {
    const keyboard = new Keyboard(false);
    keyboard.handle(down("KeyA", "A", { shiftKey: true }));
    expect(keyboard.handle(up("KeyA", "a"))).toEqual({
      do: "send",
      messages: [{ t: "key", code: "KeyA", key: "A", down: false }],
    });
  });

  it("that was not pressed here is not released there", () => {
    expect(new Keyboard(false).handle(up("Enter", "Enter"))).toEqual({ do: "native" });
  });

  it("repeats while it is held", () => {
    const keyboard = new Keyboard(false);
    expect(keyboard.handle(down("KeyA", "a")).do).toBe("send");
    expect(keyboard.handle(down("KeyA", "a")).do).toBe("send");
  });

  it("such as Tab, Escape, F5 and Ctrl+R belongs to the desktop", () => {
    const keyboard = new Keyboard(false);
    for (const name of ["Tab", "Escape", "F5", "Backspace"])
      expect(keyboard.handle(down(name, name)).do).toBe("send");
    expect(keyboard.handle(down("KeyR", "r", { ctrlKey: true })).do).toBe("send");
    expect(keyboard.handle(down("Insert", "Insert", { shiftKey: true })).do).toBe("send");
  });
});

describe("AltGr on Windows", () => {
  it("lets go of the Ctrl that Windows presses with it", () => {
    const keyboard = new Keyboard(false);
    keyboard.handle(down("ControlLeft", "Control", { ctrlKey: true }));
    const verdict = keyboard.handle(
      down("AltRight", "AltGraph", { ctrlKey: true, altKey: true, altGraph: true }),
    );
    expect(verdict).toEqual({
      do: "send",
      messages: [
        { t: "key", code: "ControlLeft", key: "Control", down: false },
        { t: "key", code: "AltRight", key: "AltGraph", down: true },
      ],
    });
  });

  it("with Shift types a letter and does not leave the desktop", () => {
    const all = { ctrlKey: true, altKey: true, shiftKey: true, altGraph: true };
    expect(new Keyboard(false).handle(down("ShiftLeft", "Shift", all)).do).toBe("send");
  });
});

describe("what is no key", () => {
  it("an input method's keys, dead keys and a phone's are left to the browser", () => {
    const keyboard = new Keyboard(false);
    const table = [
      down("KeyA", "a", { isComposing: true }),
      down("KeyA", "Process", { keyCode: 229 }),
      down("KeyA", "a", { keyCode: 229 }),
      down("Equal", "Dead"),
      down("", "Unidentified"),
    ];
    for (const event of table) expect(keyboard.handle(event)).toEqual({ do: "native" });
  });

  it("paste is left to the browser, on each system by its own key", () => {
    expect(new Keyboard(false).handle(down("KeyV", "v", { ctrlKey: true }))).toEqual({ do: "native" });
    expect(new Keyboard(false).handle(down("KeyV", "V", { ctrlKey: true, shiftKey: true }))).toEqual({
      do: "native",
    });
    expect(new Keyboard(true).handle(down("KeyV", "v", { metaKey: true }))).toEqual({ do: "native" });
    expect(new Keyboard(true).handle(down("KeyV", "v", { ctrlKey: true })).do).toBe("send");
  });

  it("a pasted text comes without the modifier that pasted it", () => {
    const keyboard = new Keyboard(false);
    keyboard.handle(down("ControlLeft", "Control", { ctrlKey: true }));
    expect(keyboard.text(["secret"])).toEqual([
      { t: "key", code: "ControlLeft", key: "Control", down: false },
      { t: "text", text: "secret" },
      { t: "key", code: "ControlLeft", key: "Control", down: true },
    ]);
  });
});

describe("leaving the desktop", () => {
  it("takes Ctrl, Alt and Shift together, in any order", () => {
    const all = { ctrlKey: true, altKey: true, shiftKey: true };
    for (const name of ["Control", "Alt", "Shift"]) {
      expect(new Keyboard(false).handle(down(`${name}Left`, name, all))).toEqual({ do: "leave" });
    }
    expect(new Keyboard(false).handle(down("KeyQ", "q", all)).do).toBe("send");
  });

  it("releases everything, and a release that comes later is not sent again", () => {
    const keyboard = new Keyboard(false);
    keyboard.handle(down("ControlLeft", "Control", { ctrlKey: true }));
    expect(keyboard.release()).toEqual([{ t: "release" }]);
    expect(keyboard.handle(up("ControlLeft", "Control"))).toEqual({ do: "native" });
  });
});

describe("a Mac", () => {
  it("has Cmd for Ctrl, and its release lets go of what macOS keeps quiet about", () => {
    const keyboard = new Keyboard(true);
    expect(keyboard.handle(down("MetaLeft", "Meta", { metaKey: true }))).toEqual({
      do: "send",
      messages: [{ t: "key", code: "MetaLeft", key: "Control", down: true }],
    });
    keyboard.handle(down("KeyC", "c", { metaKey: true }));
    expect(keyboard.handle(up("MetaLeft", "Meta"))).toEqual({
      do: "send",
      messages: [
        { t: "key", code: "MetaLeft", key: "Control", down: false },
        { t: "key", code: "KeyC", key: "c", down: false },
      ],
    });
  });
});
