//! Keys that a telephone's keyboard does not have, as the bytes that a terminal sends for them. Pure.

export type ExtraKey = "escape" | "tab" | "up" | "down" | "left" | "right";

const ARROWS = { up: "A", down: "B", right: "C", left: "D" } as const;

/** A key's bytes. `isApplication`: the program wants its cursor keys so (DECCKM). */
export function bytesOf(key: ExtraKey, isApplication: boolean): string {
  if (key === "escape") return "\x1b";
  if (key === "tab") return "\t";
  return `\x1b${isApplication ? "O" : "["}${ARROWS[key]}`;
}

/** A typed character with Ctrl held: C0 for what has one, the character itself else. */
export function withCtrl(data: string): string {
  if (data.length !== 1) return data;
  const code = data.toUpperCase().charCodeAt(0);
  if (data === " ") return "\0";
  if (data === "?") return "\x7f";
  return code >= 0x40 && code <= 0x5f ? String.fromCharCode(code & 0x1f) : data;
}

/** Whether this is a mouse that only moves (SGR coding, the bit for motion, with no button held). */
export function isMotion(data: string): boolean {
  if (!data.startsWith("\x1b[<")) return false;
  const button = Number.parseInt(data.slice(3), 10);
  return (button & 0b100011) === 0b100011;
}
