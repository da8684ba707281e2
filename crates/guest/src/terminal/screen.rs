//! The VT grid: bytes of the CLI in, answers to its queries, rows of text and drawings of the whole out. Does no I/O.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use alacritty_terminal::{
    Term,
    event::{Event, EventListener, WindowSize},
    grid::Dimensions,
    index::{Column, Line},
    term::{Config, MIN_COLUMNS, MIN_SCREEN_LINES, Osc52, TermMode, cell::Flags},
    vte::{
        Params, Parser, Perform,
        ansi::{CursorShape, CursorStyle, NamedColor, Processor, Rgb},
    },
};
use anteroom_protocol::terminal::Background;

use super::snapshot;

/// Rows kept above the visible ones: a CLI that prints a page of help after its URL doesn't push it out.
const HISTORY_ROWS: usize = 200;
/// Pixels of a cell, for the one query that asks for them.
const CELL_PIXELS: (u16, u16) = (8, 16);
/// What the terminal says to XTVERSION; xterm's form, so that CLIs that parse it find a name and a number.
const VERSION_ANSWER: &[u8] = b"\x1bP>|anteroom(1)\x1b\\";
const BRIGHT: Rgb = Rgb { r: 0xe6, g: 0xe6, b: 0xe6 };
const DARK: Rgb = Rgb { r: 0x10, g: 0x12, b: 0x18 };

/// One row as a person reads it: rows that the terminal wrapped are joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its text without the blanks at its end.
    pub text: String,
    /// Whether the text reaches the last column, so that a CLI may have broken it there by itself.
    pub reaches_edge: bool,
}

/// A terminal without a window.
pub struct Screen {
    term: Term<Outbox>,
    processor: Processor,
    /// Runs ahead of `processor` to find the one query that it has no method for.
    version_parser: Parser,
    outbox: Outbox,
    background: Background,
}

impl Screen {
    /// An empty terminal of this size.
    #[must_use]
    pub fn new(columns: u16, rows: u16) -> Self {
        Self::with_history(columns, rows, HISTORY_ROWS)
    }

    /// An empty terminal of this size that keeps so many rows above the visible ones.
    #[must_use]
    pub fn with_history(columns: u16, rows: u16, history_rows: usize) -> Self {
        let config = Config {
            scrolling_history: history_rows,
            // Nobody sees it. No program can ask for it, so that a drawing leaves the style to its page until one asks.
            default_cursor_style: CursorStyle { shape: CursorShape::HollowBlock, blinking: false },
            kitty_keyboard: true,
            osc52: Osc52::Disabled,
            ..Config::default()
        };
        let size = Size::new(columns, rows);
        let outbox = Outbox::default();
        Self {
            term: Term::new(config, &size, outbox.clone()),
            processor: Processor::new(),
            version_parser: Parser::new(),
            outbox,
            background: Background::Dark,
        }
    }

    /// The same, drawn on this.
    #[must_use]
    pub fn drawn_on(self, background: Background) -> Self {
        Self { background, ..self }
    }

    /// Draws what the CLI wrote and returns what the terminal answers, in the order of the questions: some
    /// CLIs ask DA1 last and take its answer as the end of all others.
    #[must_use = "a CLI that asked waits for the answer"]
    pub fn feed(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut answers = Vec::new();
        while !bytes.is_empty() {
            let mut query = VersionQuery { asked: false };
            let upto = self.version_parser.advance_until_terminated(&mut query, bytes);
            self.processor.advance(&mut self.term, &bytes[..upto]);
            self.collect(&mut answers);
            if query.asked {
                answers.extend_from_slice(VERSION_ANSWER);
            }
            bytes = &bytes[upto..];
        }
        answers
    }

    /// Until when a synchronised update may hold back what was written; `None` when nothing is held back.
    #[must_use]
    pub fn held_back_until(&self) -> Option<Instant> {
        self.processor.sync_timeout().sync_timeout()
    }

    /// Draws what a synchronised update held back, because its end did not come in time.
    #[must_use = "a CLI that asked waits for the answer"]
    pub fn draw_held_back(&mut self) -> Vec<u8> {
        self.processor.stop_sync(&mut self.term);
        let mut answers = Vec::new();
        self.collect(&mut answers);
        answers
    }

    /// Gives the terminal another size. Rows that it wrapped are wrapped anew; the program is told by its PTY, not here.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.term.resize(Size::new(columns, rows));
    }

    /// Columns and rows.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        let window = self.window_size();
        (window.num_cols, window.num_lines)
    }

    /// Bytes that bring a reset terminal of this size to what is shown, with up to `history_rows` rows above, and to all that is
    /// behind it. What a synchronised update holds back is not drawn: whoever sends what comes later draws it first. The screen is
    /// the same afterwards.
    #[must_use]
    pub fn draw(&mut self, history_rows: usize) -> Vec<u8> {
        snapshot::draw(&mut self.term, history_rows)
    }

    /// All rows, the oldest kept one first, up to the last that is not blank.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let grid = self.term.grid();
        let mut rows: Vec<Row> = Vec::new();
        let mut goes_on = false;
        for line in (grid.topmost_line().0..=grid.bottommost_line().0).map(Line) {
            let (text, reaches_edge, wraps) = self.read_line(line);
            match rows.last_mut() {
                Some(last) if goes_on => {
                    last.text.push_str(&text);
                    last.reaches_edge = reaches_edge;
                }
                Some(_) | None => rows.push(Row { text, reaches_edge }),
            }
            goes_on = wraps;
        }
        for row in &mut rows {
            row.text.truncate(row.text.trim_end().len());
        }
        let used = rows.iter().rposition(|row| !row.text.is_empty()).map_or(0, |last| last + 1);
        rows.truncate(used);
        rows
    }

    /// Whether the program wants to be told where a paste begins and ends (DECSET 2004).
    #[must_use]
    pub fn brackets_pastes(&self) -> bool {
        self.term.mode().contains(TermMode::BRACKETED_PASTE)
    }

    /// The targets of hyperlinks (OSC 8) on the grid, each once, in reading order.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        let grid = self.term.grid();
        let mut links: Vec<String> = Vec::new();
        for line in (grid.topmost_line().0..=grid.bottommost_line().0).map(Line) {
            for cell in &grid[line] {
                if let Some(link) = cell.hyperlink()
                    && !links.iter().any(|known| known == link.uri())
                {
                    links.push(link.uri().to_owned());
                }
            }
        }
        links
    }

    /// A line's text with its blanks, whether its last cell is used, and whether the terminal wrapped it.
    fn read_line(&self, line: Line) -> (String, bool, bool) {
        let row = &self.term.grid()[line];
        let last = &row[Column(self.term.columns() - 1)];
        let wraps = last.flags.contains(Flags::WRAPLINE);
        let mut text = String::new();
        for cell in row {
            if !cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
                // A tab stands in the first cell of the blanks that it skips.
                text.push(if cell.c == '\t' { ' ' } else { cell.c });
                text.extend(cell.zerowidth().into_iter().flatten());
            }
        }
        (text, last.c != ' ', wraps)
    }

    fn collect(&self, answers: &mut Vec<u8>) {
        for event in self.outbox.take() {
            match event {
                Event::PtyWrite(text) => answers.extend_from_slice(text.as_bytes()),
                Event::ColorRequest(index, format) => {
                    answers.extend_from_slice(format(color(index, self.background)).as_bytes())
                }
                Event::TextAreaSizeRequest(format) => {
                    answers.extend_from_slice(format(self.window_size()).as_bytes());
                }
                Event::MouseCursorDirty
                | Event::Title(_)
                | Event::ResetTitle
                | Event::ClipboardStore(..)
                | Event::ClipboardLoad(..)
                | Event::CursorBlinkingChange
                | Event::Wakeup
                | Event::Bell
                | Event::Exit
                | Event::ChildExit(_) => {}
            }
        }
    }

    fn window_size(&self) -> WindowSize {
        let narrow = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        WindowSize {
            num_lines: narrow(self.term.screen_lines()),
            num_cols: narrow(self.term.columns()),
            cell_width: CELL_PIXELS.0,
            cell_height: CELL_PIXELS.1,
        }
    }
}

/// The colours that OSC 4, 10, 11 and 12 ask for. Which of background and text is the bright one is all that CLIs want to know.
fn color(index: usize, background: Background) -> Rgb {
    let is_background = index == NamedColor::Background as usize;
    let is_dark = index == NamedColor::Black as usize || is_background == (background == Background::Dark);
    if is_dark { DARK } else { BRIGHT }
}

struct Size {
    columns: usize,
    rows: usize,
}

impl Size {
    /// The size, or the smallest that the library can work with.
    fn new(columns: u16, rows: u16) -> Self {
        Self { columns: usize::from(columns).max(MIN_COLUMNS), rows: usize::from(rows).max(MIN_SCREEN_LINES) }
    }
}

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.rows
    }
    fn screen_lines(&self) -> usize {
        self.rows
    }
    fn columns(&self) -> usize {
        self.columns
    }
}

/// Where the terminal leaves what it wants written to the CLI.
#[derive(Clone, Default)]
struct Outbox(Arc<Mutex<Vec<Event>>>);

impl Outbox {
    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl EventListener for Outbox {
    fn send_event(&self, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}

/// Finds XTVERSION (`CSI > q`), which the terminal library leaves unanswered.
struct VersionQuery {
    asked: bool,
}

impl Perform for VersionQuery {
    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        let first = params.iter().next().and_then(|param| param.first().copied()).unwrap_or(0);
        self.asked = action == 'q' && intermediates == b">" && !ignore && first == 0;
    }

    fn terminated(&self) -> bool {
        self.asked
    }
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
