//! How this person likes their terminal. Kept in this browser only.

import { Store } from "../app/store";
import { FONT_PX } from "./limits";

export interface Settings {
  readonly fontPx: number;
  /** What is written is also read out. */
  readonly screenReader: boolean;
}

const KEY = "anteroom.terminal";
const USUAL: Settings = { fontPx: FONT_PX.usual, screenReader: false };

export const settings = new Store<Settings>(stored());

export function change(to: Partial<Settings>): void {
  const next = { ...settings.snapshot(), ...to };
  settings.set({ ...next, fontPx: Math.min(FONT_PX.most, Math.max(FONT_PX.least, next.fontPx)) });
  try {
    localStorage.setItem(KEY, JSON.stringify(settings.snapshot()));
  } catch {
    // A browser that keeps nothing still shows it until the page is closed.
  }
}

function stored(): Settings {
  try {
    return valid(JSON.parse(localStorage.getItem(KEY) ?? "null"));
  } catch {
    return USUAL;
  }
}

function valid(value: unknown): Settings {
  if (typeof value !== "object" || value === null) return USUAL;
  const { fontPx, screenReader } = value as Record<string, unknown>;
  const isSize =
    Number.isInteger(fontPx) && Number(fontPx) >= FONT_PX.least && Number(fontPx) <= FONT_PX.most;
  return { fontPx: isSize ? Number(fontPx) : USUAL.fontPx, screenReader: screenReader === true };
}
