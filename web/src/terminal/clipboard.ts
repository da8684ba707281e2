//! The clipboard of the person's computer. A program in the machine may put a text there, and is never told what is in it.

import { MAX_CLIPBOARD_BYTES } from "./limits";

/** The text of an OSC 52 sequence that sets the clipboard; nothing when it asks for it, or is malformed. */
export function offered(data: string): string | undefined {
  const [where, coded, ...more] = data.split(";");
  if (more.length > 0 || coded === undefined || coded === "" || coded === "?") return undefined;
  if (where !== "" && !where?.includes("c")) return undefined;
  if (coded.length > (MAX_CLIPBOARD_BYTES * 4) / 3) return undefined;
  try {
    const bytes = Uint8Array.from(atob(coded), (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** What is in the clipboard, if the browser tells. */
export async function readClipboard(): Promise<string | undefined> {
  try {
    return await navigator.clipboard.readText();
  } catch {
    return undefined;
  }
}
