//! Light, dark, or as the system has it. Kept in this browser only.

import { Store } from "./store";

export type Theme = "system" | "light" | "dark";

const KEY = "anteroom.theme";
const THEMES: readonly Theme[] = ["system", "light", "dark"];

function stored(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? "system";
  } catch {
    return "system";
  }
}

export const theme = new Store<Theme>(stored());

/** What a terminal is drawn on now. */
export function shade(): "light" | "dark" {
  const now = theme.snapshot();
  if (now !== "system") return now;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** The next theme in the round. */
export function nextTheme(): void {
  const next = THEMES[(THEMES.indexOf(theme.snapshot()) + 1) % THEMES.length] ?? "system";
  theme.set(next);
  applyTheme();
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // A browser that keeps nothing still shows it until the page is closed.
  }
}

export function applyTheme(): void {
  const now = theme.snapshot();
  if (now === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = now;
}
