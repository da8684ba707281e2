//! Listens to the desktop's surface and sends what the person does there. It decides little itself: places are
//! `geometry`'s, keys are `keyboard`'s, notches are `wheel`'s, fingers are `touch`'s. Ends with its signal.

import type { Viewer } from "../viewer/viewer";
import { type Place, type Size, toDesktop } from "./geometry";
import { Keyboard, type KeyEvent } from "./keyboard";
import { buttonChanges } from "./pointer";
import { pieces } from "./text";
import { type Gesture, type Touch, touchDown, touchMove, touchUp } from "./touch";
import { still, turn, type WheelSample } from "./wheel";

export interface CaptureOptions {
  /** What shows the picture and takes the pointer. */
  surface: HTMLElement;
  /** What has the focus: a text field, since input methods and phones write only into those. */
  keys: HTMLTextAreaElement;
  viewer: Viewer;
  /** The person leaves the desktop by the keyboard. */
  onLeave: () => void;
  onTooLong: () => void;
  signal: AbortSignal;
}

const UNKNOWN_DESKTOP: Size = { width: 1280, height: 720 };

export class Capture {
  readonly #options: CaptureOptions;
  readonly #keyboard = new Keyboard(/Mac|iPhone|iPad/.test(navigator.platform));
  #buttons = 0;
  #wheel = still;
  #touch: Touch = { at: "up" };
  #pending: Place | undefined;
  #frame = 0;

  constructor(options: CaptureOptions) {
    this.#options = options;
    this.#listenToPointer();
    this.#listenToKeys();
    const release = () => this.#release();
    const { signal } = options;
    options.keys.addEventListener("blur", release, { signal });
    globalThis.addEventListener("blur", release, { signal });
    document.addEventListener("visibilitychange", release, { signal });
    signal.addEventListener("abort", release);
  }

  #listenToPointer(): void {
    const { surface, signal } = this.#options;
    const on = <K extends keyof HTMLElementEventMap>(
      type: K,
      listener: (event: HTMLElementEventMap[K]) => void,
    ) => surface.addEventListener(type, listener, { signal, passive: false });
    on("pointerdown", (event) => this.#pointerDown(event));
    on("pointermove", (event) =>
      event.pointerType === "touch" ? this.#fingerMove(event) : this.#mouse(event),
    );
    on("pointerup", (event) => (event.pointerType === "touch" ? this.#fingerUp(event) : this.#mouse(event)));
    on("pointercancel", (event) => {
      if (event.pointerType === "touch") this.#touch = { at: "up" };
      else this.#press(0, this.#place(event));
    });
    on("wheel", (event) => {
      event.preventDefault();
      this.#scroll(event, { ...wheelSample(event), at: event.timeStamp });
    });
    // The browser's own meanings of these would cover or leave the desktop.
    for (const type of ["contextmenu", "mousedown", "mouseup", "auxclick", "dragstart"] as const) {
      on(type, (event) => event.preventDefault());
    }
  }

  #pointerDown(event: PointerEvent): void {
    const { surface, keys } = this.#options;
    event.preventDefault();
    keys.focus({ preventScroll: true });
    if (event.pointerType === "touch") {
      this.#touch = touchDown(this.#touch, finger(event));
      return;
    }
    // A drag that leaves the surface still belongs to it. A pointer that is gone can't be held.
    if (event.isTrusted) surface.setPointerCapture(event.pointerId);
    this.#mouse(event);
  }

  #mouse(event: PointerEvent): void {
    const place = this.#place(event);
    if (!place) return;
    if (event.buttons === this.#buttons) return this.#move(place);
    const startsOutside = !place.inside && this.#buttons === 0;
    if (!startsOutside) this.#press(event.buttons, place);
  }

  #press(buttons: number, place: Place | undefined): void {
    if (!place) return;
    // The message carries the newest place; an older one must not come after it.
    this.#pending = undefined;
    for (const { button, down } of buttonChanges(this.#buttons, buttons)) {
      this.#options.viewer.send({ t: "button", button, down, x: place.x, y: place.y });
    }
    this.#buttons = buttons;
  }

  /** The first position of a frame goes at once, the last when the frame is drawn; those between are of no use. */
  #move(place: Place): void {
    if (!place.inside && this.#buttons === 0) return;
    this.#pending = place;
    if (this.#frame) return;
    this.#flush();
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#flush();
    });
  }

  #flush(): void {
    const place = this.#pending;
    if (place && this.#options.viewer.move(place.x, place.y)) this.#pending = undefined;
  }

  #scroll(event: { clientX: number; clientY: number }, sample: WheelSample): void {
    const { wheel, dx, dy } = turn(this.#wheel, sample);
    this.#wheel = wheel;
    const place = this.#place(event);
    if (!place?.inside || (dx === 0 && dy === 0)) return;
    this.#pending = undefined;
    this.#options.viewer.send({ t: "wheel", dx, dy, x: place.x, y: place.y });
  }

  #fingerMove(event: PointerEvent): void {
    const { touch, gesture } = touchMove(this.#touch, finger(event));
    this.#touch = touch;
    this.#gesture(event, gesture);
  }

  #fingerUp(event: PointerEvent): void {
    const { touch, gesture } = touchUp(this.#touch, finger(event));
    this.#touch = touch;
    this.#gesture(event, gesture);
  }

  #gesture(event: PointerEvent, gesture: Gesture): void {
    switch (gesture.do) {
      case "nothing":
        return;
      case "scroll":
        return this.#scroll(event, {
          deltaX: gesture.dx,
          deltaY: gesture.dy,
          deltaMode: 0,
          at: event.timeStamp,
        });
      case "click": {
        const place = this.#place(event);
        if (!place?.inside) return;
        const { x, y } = place;
        for (const down of [true, false])
          this.#options.viewer.send({ t: "button", button: gesture.button, down, x, y });
      }
    }
  }

  #listenToKeys(): void {
    const { keys, signal } = this.#options;
    const onKey = (event: KeyboardEvent) => this.#key(event);
    keys.addEventListener("keydown", onKey, { signal });
    keys.addEventListener("keyup", onKey, { signal });
    keys.addEventListener(
      "paste",
      (event) => {
        event.preventDefault();
        this.#text(event.clipboardData?.getData("text/plain") ?? "");
      },
      { signal },
    );
    keys.addEventListener(
      "compositionend",
      (event) => {
        this.#text(event.data);
        keys.value = "";
      },
      { signal },
    );
    keys.addEventListener("input", (event) => this.#typed(event as InputEvent), { signal });
  }

  #key(event: KeyboardEvent): void {
    if (!this.#options.viewer.takesKeys) return;
    const verdict = this.#keyboard.handle(keyEvent(event));
    if (verdict.do === "native") return;
    event.preventDefault();
    event.stopPropagation();
    if (verdict.do === "send") for (const message of verdict.messages) this.#options.viewer.send(message);
    else this.#options.onLeave();
  }

  /** What reached the field without a key: a phone's keyboard, a dictation, a dead key's letter. */
  #typed(event: InputEvent): void {
    if (event.isComposing || event.inputType === "insertCompositionText") return;
    this.#options.keys.value = "";
    if (event.inputType === "deleteContentBackward") this.#tap("Backspace");
    else if (event.inputType === "insertLineBreak") this.#tap("Enter");
    else if (event.data && event.inputType !== "insertFromComposition") this.#text(event.data);
  }

  #tap(key: string): void {
    for (const down of [true, false]) this.#options.viewer.send({ t: "key", code: key, key, down });
  }

  #text(text: string): void {
    const cut = pieces(text);
    if (cut === "too-long") return this.#options.onTooLong();
    if (cut.length > 0) for (const message of this.#keyboard.text(cut)) this.#options.viewer.send(message);
  }

  #release(): void {
    this.#buttons = 0;
    this.#pending = undefined;
    for (const message of this.#keyboard.release()) this.#options.viewer.send(message);
  }

  #place(event: { clientX: number; clientY: number }): Place | undefined {
    const { surface, viewer } = this.#options;
    const desktop = viewer.snapshot().desktop ?? viewer.picture.size ?? UNKNOWN_DESKTOP;
    return toDesktop(event.clientX, event.clientY, surface.getBoundingClientRect(), desktop);
  }
}

function finger(event: PointerEvent) {
  return { id: event.pointerId, x: event.clientX, y: event.clientY, time: event.timeStamp };
}

function keyEvent(event: KeyboardEvent): KeyEvent {
  const { code, key, keyCode, isComposing, ctrlKey, altKey, shiftKey, metaKey } = event;
  const type = event.type === "keydown" ? "keydown" : "keyup";
  const altGraph = event.getModifierState("AltGraph");
  return { type, code, key, keyCode, isComposing, ctrlKey, altKey, shiftKey, metaKey, altGraph };
}

function wheelSample(event: WheelEvent): Omit<WheelSample, "at"> {
  const { wheelDeltaX, wheelDeltaY } = event as WheelEvent & { wheelDeltaX?: number; wheelDeltaY?: number };
  return { deltaX: event.deltaX, deltaY: event.deltaY, deltaMode: event.deltaMode, wheelDeltaX, wheelDeltaY };
}
