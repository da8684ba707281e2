//! Cuts a text into messages that fit the wire, never through a character.

import { MAX_MESSAGE_BYTES, MAX_TEXT_BYTES } from "../viewer/messages";

/** The longest text that is taken at once: a private key and a long URL fit; a book does not. */
export const MAX_PASTE_BYTES = 64 * 1024;

/** The envelope of a text message, with room to spare. */
const ENVELOPE_BYTES = 64;
const utf8 = new TextEncoder();

/** The pieces of a text, or `too-long`. Control characters other than tab and line feed would be keys, not text. */
export function pieces(text: string): string[] | "too-long" {
  const clean = withoutControls(text.replace(/\r\n?/g, "\n"));
  if (utf8.encode(clean).length > MAX_PASTE_BYTES) return "too-long";
  const out: string[] = [];
  let piece = "";
  let bytes = 0;
  let escaped = 0;
  for (const character of clean) {
    const size = utf8.encode(character).length;
    const inJson = utf8.encode(JSON.stringify(character)).length - 2;
    if (bytes + size > MAX_TEXT_BYTES || escaped + inJson > MAX_MESSAGE_BYTES - ENVELOPE_BYTES) {
      out.push(piece);
      piece = "";
      bytes = 0;
      escaped = 0;
    }
    piece += character;
    bytes += size;
    escaped += inJson;
  }
  if (piece) out.push(piece);
  return out;
}

function withoutControls(text: string): string {
  return Array.from(text)
    .filter((character) => {
      const code = character.codePointAt(0) ?? 0;
      const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
      const isLoneSurrogate = code >= 0xd800 && code <= 0xdfff;
      return character === "\n" || character === "\t" || !(isControl || isLoneSurrogate);
    })
    .join("");
}
