//! Turns what browsers tell of a wheel into notches, as X has them. A mouse's notch is one notch at once; a touchpad's
//! pixels are gathered until they make one.

/** Pixels of a touchpad that make a notch, as browsers scroll for one. */
export const PIXELS_PER_NOTCH = 100;
/** Lines that make a notch (Firefox, `deltaMode` 1). */
const LINES_PER_NOTCH = 3;
/** After this pause a new gesture begins, and what is left of the old one would only surprise. */
const GESTURE_MS = 250;
/** What one message may carry; the wire has an i8. */
const MAX_NOTCHES = 10;

export interface WheelSample {
  deltaX: number;
  deltaY: number;
  deltaMode: number;
  /** Chromium and Safari: 120 for each notch of a mouse. */
  wheelDeltaX?: number | undefined;
  wheelDeltaY?: number | undefined;
  at: number;
}

export interface Wheel {
  readonly x: number;
  readonly y: number;
  readonly at: number;
}

export const still: Wheel = { x: 0, y: 0, at: Number.NEGATIVE_INFINITY };

/** What is gathered after a sample, and the whole notches that it made. */
export function turn(wheel: Wheel, sample: WheelSample): { wheel: Wheel; dx: number; dy: number } {
  const rest = sample.at - wheel.at > GESTURE_MS ? { x: 0, y: 0 } : wheel;
  const x = gather(rest.x, notches(sample.deltaX, sample.deltaMode, sample.wheelDeltaX));
  const y = gather(rest.y, notches(sample.deltaY, sample.deltaMode, sample.wheelDeltaY));
  return { wheel: { x: x.rest, y: y.rest, at: sample.at }, dx: x.whole, dy: y.whole };
}

/** How many notches a delta is, in parts. */
function notches(delta: number, mode: number, wheelDelta: number | undefined): number {
  if (delta === 0) return 0;
  if (mode === 1) return delta / LINES_PER_NOTCH;
  if (mode === 2) return Math.sign(delta);
  // A touchpad's `wheelDelta` is three times its pixels, so a multiple of 120 that is not tells a mouse.
  const isMouse = wheelDelta && wheelDelta % 120 === 0 && Math.abs(wheelDelta) !== Math.abs(delta) * 3;
  if (!isMouse) return delta / PIXELS_PER_NOTCH;
  // A person may have set a notch to scroll further: then the pixels tell what is meant.
  const pixels = Math.round(Math.abs(delta) / PIXELS_PER_NOTCH);
  return Math.sign(delta) * Math.max(Math.abs(wheelDelta) / 120, pixels);
}

function gather(rest: number, more: number): { whole: number; rest: number } {
  const turnedBack = rest * more < 0;
  const sum = (turnedBack ? 0 : rest) + more;
  // A sum of parts such as 0.1 may miss the whole by a hair.
  const whole = Math.trunc(sum + Math.sign(sum) * 1e-9) + 0;
  const bounded = Math.min(Math.max(whole, -MAX_NOTCHES), MAX_NOTCHES);
  return { whole: bounded, rest: sum - whole };
}
