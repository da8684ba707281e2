//! The data channels' messages, as `crates/protocol/src/input.rs` has them. Positions are desktop pixels.

export const INPUT_CHANNEL = "input";
export const MOTION_CHANNEL = "motion";
export const MAX_MESSAGE_BYTES = 16 * 1024;
export const MAX_TEXT_BYTES = 8 * 1024;

/** What the page sends on `input`. */
export type Input =
  | { t: "button"; button: number; down: boolean; x: number; y: number }
  | { t: "wheel"; dx: number; dy: number; x: number; y: number }
  | { t: "key"; code: string; key: string; down: boolean }
  | { t: "text"; text: string }
  | { t: "release" }
  | { t: "ping"; id: number };

/** What the page sends on `motion`. */
export interface Motion {
  seq: number;
  x: number;
  y: number;
}

/** What the guest sends on `input`. */
export type FromGuest = { t: "desktop"; width: number; height: number } | { t: "pong"; id: number };

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

/** Reads a guest's message; anything else is `undefined`, since a machine's word is not to be trusted. */
export function parseFromGuest(data: unknown): FromGuest | undefined {
  if (typeof data !== "string" || data.length > MAX_MESSAGE_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { t, width, height, id } = value as Record<string, unknown>;
  if (t === "pong" && isNumber(id)) return { t, id };
  const isSize = (side: unknown): side is number => isNumber(side) && side >= 1 && side <= 0xffff;
  if (t === "desktop" && isSize(width) && isSize(height)) return { t, width, height };
  return undefined;
}
