//! Every bound of the terminal, with where its number comes from.

/** What is handed to the terminal at a time. Parsing it takes 1 to 3 ms on a slow computer, so that a frame's budget is
 * met by whole pieces. */
export const PIECE_BYTES = 32 * 1024;
/** What says something about the speed: less takes too short for the browser's clock, which ticks each 0.1 ms. */
export const MEASURED_BYTES = 16 * 1024;
/** What a frame may spend on parsing: half of it, and drawing has the other half. The least is that of 60 frames a second;
 * the most keeps a computer that draws slowly at 20 frames, so that nothing stands still for 100 ms. */
export const PARSE_MS = { least: 8, most: 24 } as const;
/** What a frame is given at most, however fast the computer is: the controller hears of what was parsed at least so often. */
export const FRAME_BYTES = 256 * 1024;
/** A frame that does not come, in a page that is hidden, is replaced by a timer. */
export const HIDDEN_FRAME_MS = 250;
/** The controller keeps 1 MiB of output unacknowledged; twice of that has no honest origin. */
export const MAX_WAITING_BYTES = 2 * 1024 * 1024;
/** Typed bytes that are kept while the connection is away. More is refused, and said so. */
export const MAX_KEPT_BYTES = 64 * 1024;
/** What may wait in the browser for a connection that is slow: a large paste. More is refused, and said so. */
export const MAX_SENDING_BYTES = 4 * 1024 * 1024;
/** Typed bytes in one message. */
export const MAX_TYPED_BYTES = 16 * 1024;
/** Pauses before the next connection, by the number of failures since the last good one. The last is repeated. */
export const RETRY_MS = [0, 250, 500, 1_000, 2_000, 4_000] as const;
/** A connection that does not open within this time is given up: a network that swallows packets says nothing. */
export const OPEN_MS = 8_000;
/** A connection that lived this long counts as good: the next failure is retried at once. As the viewer's. */
export const SETTLE_MS = 5_000;
/** Columns and rows of a terminal. */
export const MAX_SIDE = 1_000;
/** The least that a CLI can draw into. */
export const MIN_COLUMNS = 20;
export const MIN_ROWS = 5;
/** Lines that can be scrolled back to. At 200 columns it is some 25 MB. */
export const SCROLLBACK_LINES = 10_000;
/** A text that a program puts into the clipboard. */
export const MAX_CLIPBOARD_BYTES = 1024 * 1024;
/** Pause before a resize is told, while the window is being dragged. */
export const RESIZE_MS = 60;
/** How long the page says that something was copied, or not sent. */
export const NOTICE_MS = 4_000;
/** A title that a program sets. */
export const MAX_TITLE = 120;
/** Sizes of the text, in CSS pixels. */
export const FONT_PX = { least: 8, most: 32, usual: 14, squeezed: 6 } as const;
