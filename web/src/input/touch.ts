//! Decides what one finger means: a tap clicks, a long tap clicks right, a drag scrolls. Pure; time comes with the event.

/** A finger that moves less than this is still, in CSS pixels. */
const SLOP_PX = 10;
/** A still finger for this long asks for the menu. */
export const LONG_TAP_MS = 500;

export type Touch =
  | { at: "up" }
  | { at: "down"; id: number; x: number; y: number; since: number }
  | { at: "scrolling"; id: number; x: number; y: number };

export interface Finger {
  id: number;
  x: number;
  y: number;
  time: number;
}

export type Gesture =
  | { do: "nothing" }
  | { do: "click"; button: 0 | 2 }
  | { do: "scroll"; dx: number; dy: number };

const nothing: Gesture = { do: "nothing" };

export function touchDown(touch: Touch, finger: Finger): Touch {
  // A second finger is not ours to interpret; the first goes on.
  if (touch.at !== "up") return touch;
  return { at: "down", id: finger.id, x: finger.x, y: finger.y, since: finger.time };
}

export function touchMove(touch: Touch, finger: Finger): { touch: Touch; gesture: Gesture } {
  if (touch.at === "up" || touch.id !== finger.id) return { touch, gesture: nothing };
  const dx = touch.x - finger.x;
  const dy = touch.y - finger.y;
  if (touch.at === "down" && Math.hypot(dx, dy) < SLOP_PX) return { touch, gesture: nothing };
  const next: Touch = { at: "scrolling", id: finger.id, x: finger.x, y: finger.y };
  return { touch: next, gesture: { do: "scroll", dx, dy } };
}

export function touchUp(touch: Touch, finger: Finger): { touch: Touch; gesture: Gesture } {
  if (touch.at === "up" || touch.id !== finger.id) return { touch, gesture: nothing };
  if (touch.at === "scrolling") return { touch: { at: "up" }, gesture: nothing };
  const button = finger.time - touch.since >= LONG_TAP_MS ? 2 : 0;
  return { touch: { at: "up" }, gesture: { do: "click", button } };
}
