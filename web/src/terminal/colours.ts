//! The terminal's colours, light and dark. Text that a program gives too little contrast for is made darker or lighter by
//! the terminal itself.

import type { ITheme } from "@xterm/xterm";

/** WCAG's least for text. */
export const LEAST_CONTRAST = 4.5;

const DARK: ITheme = {
  background: "#101316",
  foreground: "#e8ebee",
  cursor: "#4fc3ab",
  cursorAccent: "#06231e",
  selectionBackground: "#2f5c55",
  selectionInactiveBackground: "#2a3f3c",
  scrollbarSliderBackground: "#e8ebee2e",
  scrollbarSliderHoverBackground: "#e8ebee4d",
  scrollbarSliderActiveBackground: "#e8ebee66",
  black: "#1f2429",
  red: "#ff8f85",
  green: "#5ccb9f",
  yellow: "#e0b054",
  blue: "#7fb2ff",
  magenta: "#d79bec",
  cyan: "#4fc9d6",
  white: "#c9ced5",
  brightBlack: "#7d8792",
  brightRed: "#ffb1aa",
  brightGreen: "#8be0bd",
  brightYellow: "#f2cd84",
  brightBlue: "#a9ccff",
  brightMagenta: "#e6bef5",
  brightCyan: "#86dfe8",
  brightWhite: "#ffffff",
};

const LIGHT: ITheme = {
  background: "#ffffff",
  foreground: "#16191d",
  cursor: "#0d6b5e",
  cursorAccent: "#ffffff",
  selectionBackground: "#bfe3db",
  selectionInactiveBackground: "#dcebe8",
  scrollbarSliderBackground: "#16191d26",
  scrollbarSliderHoverBackground: "#16191d40",
  scrollbarSliderActiveBackground: "#16191d59",
  black: "#16191d",
  red: "#b3261e",
  green: "#12704a",
  yellow: "#8a5a00",
  blue: "#1f5fbf",
  magenta: "#8b3a9e",
  cyan: "#0b6b77",
  white: "#dfe3e8",
  brightBlack: "#68717c",
  brightRed: "#c8372d",
  brightGreen: "#17805a",
  brightYellow: "#96620a",
  brightBlue: "#2f6bcf",
  brightMagenta: "#9a48ae",
  brightCyan: "#0d7784",
  brightWhite: "#ffffff",
};

export function coloursOf(isDark: boolean): ITheme {
  return isDark ? DARK : LIGHT;
}

/** How found places are marked. */
export function marksOf(isDark: boolean) {
  return isDark
    ? {
        matchBackground: "#5a4a1c",
        matchOverviewRuler: "#e0b054",
        activeMatchBackground: "#b07a12",
        activeMatchColorOverviewRuler: "#ffffff",
      }
    : {
        matchBackground: "#fbe7b8",
        matchOverviewRuler: "#96620a",
        activeMatchBackground: "#f5bf4f",
        activeMatchColorOverviewRuler: "#16191d",
      };
}
