//! What is given to the terminal in a frame, and what is acknowledged when. Pure: times are arguments.

import { FRAME_BYTES, MEASURED_BYTES, PARSE_MS, PIECE_BYTES } from "./limits";

/** How much the newest measurement counts. A quarter forgets a burst of odd output within some frames. */
const NEWEST = 0.25;

/** A connection's output, in bytes since it opened. */
export interface Flow {
  /** Parsed by the terminal, or dropped because the screen is drawn anew. */
  readonly done: number;
  /** Told to the controller. */
  readonly told: number;
  /** How fast the terminal parses, bytes for each millisecond. */
  readonly speed: number;
  /** How long frames take while there is output, milliseconds. */
  readonly frameMs: number;
}

/** A slow computer's speed, until it is measured. */
export const AT_FIRST: Flow = { done: 0, told: 0, speed: 4_000, frameMs: 16 };

/** A new connection counts from nothing; the computer is as fast as before. */
export function reconnected(flow: Flow): Flow {
  return { ...flow, done: 0, told: 0 };
}

/** Bytes that a frame may hand over: whole pieces for half of its time, at least one of them. */
export function allowance({ speed, frameMs }: Flow): number {
  const ms = Math.min(PARSE_MS.most, Math.max(PARSE_MS.least, frameMs / 2));
  const pieces = Math.floor((speed * ms) / PIECE_BYTES);
  return Math.min(FRAME_BYTES, Math.max(1, pieces) * PIECE_BYTES);
}

/** Bytes were parsed, or dropped. */
export function advanced(flow: Flow, bytes: number): Flow {
  return { ...flow, done: flow.done + bytes };
}

/** Parsing so many bytes took so long. Little output says nothing about the speed. */
export function measured(flow: Flow, bytes: number, ms: number): Flow {
  if (bytes < MEASURED_BYTES || ms <= 0) return flow;
  return { ...flow, speed: flow.speed + (bytes / ms - flow.speed) * NEWEST };
}

/** A frame came so long after the one before it, and both had output. */
export function framed(flow: Flow, ms: number): Flow {
  return { ...flow, frameMs: flow.frameMs + (Math.min(ms, 2 * PARSE_MS.most) - flow.frameMs) * NEWEST };
}

/** Once a frame: what the controller is told, if there is anything new. A frame is never given more than 256 KiB. */
export function telling(flow: Flow): { flow: Flow; tell: number | undefined } {
  if (flow.done === flow.told) return { flow, tell: undefined };
  return { flow: { ...flow, told: flow.done }, tell: flow.done };
}
