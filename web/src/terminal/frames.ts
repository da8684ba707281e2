//! The messages of a run's terminal, as bytes. The first byte of each says what follows. Pure; whatever is malformed is
//! refused, never guessed.

import { MAX_SIDE, MAX_TYPED_BYTES } from "./limits";

const OUTPUT = 0x00;
const TYPED = 0x00;
const WORDS = 0x01;
const PARSED = 0x02;

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export type FromServer =
  | { kind: "output"; bytes: Uint8Array }
  /** What follows as output draws the whole screen anew. */
  | ({ kind: "screen" } & Size)
  /** Another device sets the size. */
  | ({ kind: "size" } & Size)
  | { kind: "ended"; exitCode: number };

/** Reads a message; nothing when it is none. */
export function read(message: unknown): FromServer | undefined {
  if (!(message instanceof ArrayBuffer) || message.byteLength === 0) return undefined;
  const bytes = new Uint8Array(message);
  const rest = bytes.subarray(1);
  if (bytes[0] === OUTPUT) return { kind: "output", bytes: rest };
  return bytes[0] === WORDS ? readWords(rest) : undefined;
}

function readWords(bytes: Uint8Array): FromServer | undefined {
  const words = parsed(bytes);
  if (typeof words !== "object" || words === null) return undefined;
  const { kind, columns, rows, exitCode, ...more } = words as Record<string, unknown>;
  if (Object.keys(more).length > 0) return undefined;
  if (kind === "ended") {
    const isWhole = columns === undefined && rows === undefined && Number.isInteger(exitCode);
    return isWhole ? { kind, exitCode: exitCode as number } : undefined;
  }
  if (kind !== "screen" && kind !== "size") return undefined;
  if (exitCode !== undefined || !isSide(columns) || !isSide(rows)) return undefined;
  return { kind, columns, rows };
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function isSide(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_SIDE;
}

/** Typed bytes as messages of at most `MAX_TYPED_BYTES`. */
export function typed(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
  const messages: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length; at += MAX_TYPED_BYTES)
    messages.push(tagged(TYPED, bytes.subarray(at, at + MAX_TYPED_BYTES)));
  return messages;
}

export function resize({ columns, rows }: Size): Uint8Array<ArrayBuffer> {
  return tagged(WORDS, new TextEncoder().encode(JSON.stringify({ kind: "resize", columns, rows })));
}

/** How many output bytes of this connection were parsed. */
export function acknowledged(bytes: number): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(9);
  message[0] = PARSED;
  new DataView(message.buffer).setBigUint64(1, BigInt(bytes));
  return message;
}

function tagged(tag: number, rest: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(rest.length + 1);
  message[0] = tag;
  message.set(rest, 1);
  return message;
}
