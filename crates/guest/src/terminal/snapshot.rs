//! Draws a terminal anew: bytes that bring a reset terminal of the same size to what a `Term` shows. For pages (xterm.js)
//! that come late or fell behind. Writes no query, so that nobody answers it, and no reset: the page has done that.
//!
//! What the terminal library doesn't keep can't be drawn: blinking and overlined text, mouse mode 1016. What it keeps to
//! itself isn't drawn either: tab stops, which of G0 to G3 is in use, and all but the top of the keyboard mode stack.

use std::{fmt::Write, ops::RangeInclusive};

use alacritty_terminal::{
    Term,
    event::EventListener,
    grid::{Charsets, Cursor, Dimensions, Grid, Row},
    index::{Column, Line},
    term::{
        TermMode,
        cell::{Cell, Flags, Hyperlink},
    },
    vte::ansi::{
        CharsetIndex, Color, CursorShape, CursorStyle, Handler, KeyboardModes, KeyboardModesApplyBehavior, NamedColor,
        NamedPrivateMode, StandardCharset,
    },
};

const FOREGROUND: Color = Color::Named(NamedColor::Foreground);
const BACKGROUND: Color = Color::Named(NamedColor::Background);

/// The flags of a cell that are set by SGR; the others say how it got there.
const PEN_FLAGS: Flags = Flags::INVERSE
    .union(Flags::BOLD)
    .union(Flags::DIM)
    .union(Flags::ITALIC)
    .union(Flags::ALL_UNDERLINES)
    .union(Flags::HIDDEN)
    .union(Flags::STRIKEOUT);

const SGR_OF_FLAGS: [(Flags, &str); 11] = [
    (Flags::BOLD, ";1"),
    (Flags::DIM, ";2"),
    (Flags::ITALIC, ";3"),
    (Flags::UNDERLINE, ";4"),
    (Flags::DOUBLE_UNDERLINE, ";4:2"),
    (Flags::UNDERCURL, ";4:3"),
    (Flags::DOTTED_UNDERLINE, ";4:4"),
    (Flags::DASHED_UNDERLINE, ";4:5"),
    (Flags::INVERSE, ";7"),
    (Flags::HIDDEN, ";8"),
    (Flags::STRIKEOUT, ";9"),
];

/// Modes, what they are after a reset, and what changes them. Inserting and not wrapping come last, though nothing is
/// printed after them. Origin is not among them: it moves the cursor, so that it goes before the cursor is placed. xterm.js
/// doesn't know 1005 and 1007 and behaves as after a reset.
const MODES: [(TermMode, bool, &str); 14] = [
    (TermMode::SHOW_CURSOR, true, "\x1b[?25l"),
    (TermMode::APP_CURSOR, false, "\x1b[?1h"),
    (TermMode::APP_KEYPAD, false, "\x1b="),
    (TermMode::BRACKETED_PASTE, false, "\x1b[?2004h"),
    (TermMode::MOUSE_REPORT_CLICK, false, "\x1b[?1000h"),
    (TermMode::MOUSE_DRAG, false, "\x1b[?1002h"),
    (TermMode::MOUSE_MOTION, false, "\x1b[?1003h"),
    (TermMode::UTF8_MOUSE, false, "\x1b[?1005h"),
    (TermMode::SGR_MOUSE, false, "\x1b[?1006h"),
    (TermMode::ALTERNATE_SCROLL, true, "\x1b[?1007l"),
    (TermMode::FOCUS_IN_OUT, false, "\x1b[?1004h"),
    (TermMode::LINE_FEED_NEW_LINE, false, "\x1b[20h"),
    (TermMode::INSERT, false, "\x1b[4h"),
    (TermMode::LINE_WRAP, true, "\x1b[?7l"),
];

const CHARSETS: [(CharsetIndex, char); 4] =
    [(CharsetIndex::G0, '('), (CharsetIndex::G1, ')'), (CharsetIndex::G2, '*'), (CharsetIndex::G3, '+')];

/// Draws the screen that is shown with up to `history_rows` rows above it, with the scroll region and with the primary screen
/// under the alternate one. The terminal is changed on the way, for the library answers no question about these two, and is
/// as before afterwards.
#[must_use]
pub(super) fn draw<L: EventListener>(term: &mut Term<L>, history_rows: usize) -> Vec<u8> {
    let mut drawing = Drawing::default();
    let region = scroll_region(term);
    if term.mode().contains(TermMode::ALT_SCREEN) {
        drawing.primary(term, history_rows);
    }
    drawing.finish(term, history_rows, region)
}

/// The first and the last line that scroll, unless all do. In origin mode the cursor can't leave them, which tells them.
/// A region of a single line is none: xterm.js refuses it.
fn scroll_region<L: EventListener>(term: &mut Term<L>) -> Option<RangeInclusive<i32>> {
    let bottom = term.bottommost_line().0;
    let cursor = term.grid().cursor.clone();
    let origin = term.mode().contains(TermMode::ORIGIN);
    term.set_private_mode(NamedPrivateMode::Origin.into());
    let first = term.grid().cursor.point.line.0;
    term.goto(bottom, 0);
    let last = term.grid().cursor.point.line.0;
    if !origin {
        term.unset_private_mode(NamedPrivateMode::Origin.into());
    }
    term.grid_mut().cursor = cursor;
    (first < last && (first > 0 || last < bottom)).then_some(first..=last)
}

/// How a cell looks apart from its text.
#[derive(Clone, PartialEq)]
struct Pen {
    foreground: Color,
    background: Color,
    flags: Flags,
    underline: Option<Color>,
    link: Option<Hyperlink>,
}

impl Pen {
    fn of(cell: &Cell) -> Self {
        Self {
            foreground: cell.fg,
            background: cell.bg,
            flags: cell.flags & PEN_FLAGS,
            underline: cell.underline_color(),
            link: cell.hyperlink(),
        }
    }

    /// How cells look that were erased with this background.
    fn erased(background: Color) -> Self {
        Self { foreground: FOREGROUND, background, flags: Flags::empty(), underline: None, link: None }
    }
}

/// What is written so far, and the state in which it leaves the page's terminal.
struct Drawing {
    out: String,
    pen: Pen,
    charsets: Charsets,
}

impl Default for Drawing {
    fn default() -> Self {
        Self { out: String::new(), pen: Pen::erased(BACKGROUND), charsets: Charsets::default() }
    }
}

impl Drawing {
    /// Draws the primary screen and changes to the alternate one, as the program did: the cursor that is there on leaving
    /// is the one that the page saves now.
    fn primary<L: EventListener>(&mut self, term: &mut Term<L>, history_rows: usize) {
        let alternate = term.grid().clone();
        let keys = keyboard_modes(*term.mode());
        term.swap_alt();
        let grid = term.grid();
        self.rows(grid, history_rows);
        self.place(grid, &grid.cursor, 0);
        self.keyboard(*term.mode());
        self.designate(grid.cursor.charsets);
        self.out.push_str("\x1b[?1049h");
        term.swap_alt();
        *term.grid_mut() = alternate;
        // Changing screens takes the flags from their stack, where a program need not have put them.
        Handler::set_keyboard_mode(term, keys, KeyboardModesApplyBehavior::Replace);
        self.designate(Charsets::default());
        // The alternate screen comes up in the background of the moment.
        self.set_pen(Pen::erased(BACKGROUND));
        self.out.push_str("\x1b[H\x1b[2J");
    }

    /// Draws the screen that is shown, and then all that would change how it is drawn.
    fn finish<L>(mut self, term: &Term<L>, history_rows: usize, region: Option<RangeInclusive<i32>>) -> Vec<u8> {
        let grid = term.grid();
        self.rows(grid, history_rows);
        if grid.saved_cursor != Cursor::default() {
            self.place(grid, &grid.saved_cursor, 0);
            self.designate(grid.saved_cursor.charsets);
            self.out.push_str("\x1b7");
            self.designate(Charsets::default());
        }
        if let Some(region) = &region {
            let _ = write!(self.out, "\x1b[{};{}r", region.start() + 1, region.end() + 1);
        }
        let origin = term.mode().contains(TermMode::ORIGIN);
        self.out.push_str(if origin { "\x1b[?6h" } else { "" });
        let top = region.filter(|_| origin).map_or(0, |region| *region.start());
        self.place(grid, &grid.cursor, top);
        self.designate(grid.cursor.charsets);
        self.palette(term);
        self.cursor_style(term.cursor_style());
        self.keyboard(*term.mode());
        for (mode, after_reset, change) in MODES {
            if term.mode().contains(mode) != after_reset {
                self.out.push_str(change);
            }
        }
        self.out.into_bytes()
    }

    fn rows(&mut self, grid: &Grid<Cell>, history_rows: usize) {
        let first = Line(0) - grid.history_size().min(history_rows);
        let last = grid.bottommost_line();
        let mut continues = false;
        for line in (first.0..=last.0).map(Line) {
            let wraps = line < last && grid[line][grid.last_column()].flags.contains(Flags::WRAPLINE);
            self.row(&grid[line], continues, wraps.then(|| &grid[line + 1]));
            if !wraps && line < last {
                self.new_line();
            }
            continues = wraps;
        }
    }

    /// A terminal that scrolls fills the new row with the background of the moment.
    fn new_line(&mut self) {
        if self.pen.background != BACKGROUND {
            self.set_pen(Pen::erased(BACKGROUND));
        }
        self.out.push_str("\r\n");
    }

    /// Draws a row. One that the terminal wrapped into the `next` is filled to its end, so that the next one's first
    /// character wraps again; thus a row that `continues` another has at least that one.
    fn row(&mut self, row: &Row<Cell>, continues: bool, next: Option<&Row<Cell>>) {
        let blank = row[Column(row.len() - 1)].bg;
        let end = match next {
            Some(_) => row.len(),
            None => row.into_iter().rposition(|cell| !is_erased(cell, blank)).map_or(0, |last| last + 1),
        };
        let end = end.max(usize::from(continues));
        for column in 0..end {
            let makes_room = column + 1 == row.len()
                && row[Column(column)].flags.contains(Flags::LEADING_WIDE_CHAR_SPACER)
                && next.is_some_and(|next| is_wide(next, 0));
            if !makes_room {
                self.cell(row, column);
            }
        }
        // If wrapping scrolled, the row was filled with the background of the character that wrapped.
        let filled = continues && row[Column(0)].bg != BACKGROUND;
        if end < row.len() && (filled || blank != BACKGROUND) {
            self.set_pen(Pen::erased(blank));
            self.out.push_str("\x1b[K");
        }
    }

    fn cell(&mut self, row: &Row<Cell>, column: usize) {
        let cell = &row[Column(column)];
        if column > 0 && is_wide(row, column - 1) {
            return;
        }
        self.set_pen(Pen::of(cell));
        // Half of a wide character that was overwritten can't be drawn. A tab stands in the first of the cells that it
        // skipped; written out, it would move the cursor.
        let half = cell.flags.contains(Flags::WIDE_CHAR) && !is_wide(row, column);
        self.out.push(if half || cell.c == '\t' { ' ' } else { cell.c });
        self.out.extend(cell.zerowidth().into_iter().flatten());
    }

    fn set_pen(&mut self, pen: Pen) {
        if self.pen == pen {
            return;
        }
        if self.pen.link != pen.link {
            self.link(pen.link.as_ref());
        }
        self.out.push_str("\x1b[0");
        for (flag, code) in SGR_OF_FLAGS {
            if pen.flags.contains(flag) {
                self.out.push_str(code);
            }
        }
        self.color(30, pen.foreground);
        self.color(40, pen.background);
        if let Some(color) = pen.underline {
            self.color(50, color);
        }
        self.out.push('m');
        self.pen = pen;
    }

    /// Writes a colour; `base` is the SGR code of its black. There is none for underlines, whose colours have no names.
    fn color(&mut self, base: usize, color: Color) {
        let _ = match color {
            Color::Named(name) => match name as usize {
                index @ 0..8 => write!(self.out, ";{}", base + index),
                index @ 8..16 => write!(self.out, ";{}", base + 60 + index - 8),
                _ => Ok(()),
            },
            Color::Indexed(index) => write!(self.out, ";{};5;{index}", base + 8),
            Color::Spec(rgb) => write!(self.out, ";{};2;{};{};{}", base + 8, rgb.r, rgb.g, rgb.b),
        };
    }

    /// Begins a link or ends it. The library gives an identity to each link, which holds one of several rows together.
    fn link(&mut self, link: Option<&Hyperlink>) {
        let safe = |link: &&Hyperlink| !link.uri().contains(char::is_control) && !link.id().contains(char::is_control);
        let _ = match link.filter(safe) {
            Some(link) => write!(self.out, "\x1b]8;id={};{}\x1b\\", link.id(), link.uri()),
            None => write!(self.out, "\x1b]8;;\x1b\\"),
        };
    }

    /// Puts a cursor where it is, with its colours; `top` is the line that counts as the first. A cursor that waits to
    /// wrap behind the last column gets there by writing that column again.
    fn place(&mut self, grid: &Grid<Cell>, cursor: &Cursor<Cell>, top: i32) {
        let last = grid.last_column().0;
        let line = cursor.point.line.clamp(Line(0), grid.bottommost_line());
        let mut column = cursor.point.column.0.min(last);
        let wrapping = cursor.input_needs_wrap && column == last;
        if wrapping && last > 0 && is_wide(&grid[line], last - 1) {
            column = last - 1;
        }
        let _ = write!(self.out, "\x1b[{};{}H", line.0 - top + 1, column + 1);
        if wrapping {
            self.cell(&grid[line], column);
        }
        self.set_pen(Pen::of(&cursor.template));
    }

    fn designate(&mut self, charsets: Charsets) {
        for (index, name) in CHARSETS {
            if self.charsets[index] != charsets[index] {
                let set = match charsets[index] {
                    StandardCharset::Ascii => 'B',
                    StandardCharset::SpecialCharacterAndLineDrawing => '0',
                };
                self.out.extend(['\x1b', name, set]);
            }
        }
        self.charsets = charsets;
    }

    /// Writes the colours that the program has changed.
    fn palette<L>(&mut self, term: &Term<L>) {
        for index in 0..=NamedColor::Cursor as usize {
            let Some(rgb) = term.colors()[index] else { continue };
            // OSC 10, 11 and 12 are foreground, background and cursor, which come after the indexed colours.
            let code = if index < 256 { format!("4;{index}") } else { (index - 246).to_string() };
            let _ = write!(self.out, "\x1b]{code};rgb:{:02x}/{:02x}/{:02x}\x1b\\", rgb.r, rgb.g, rgb.b);
        }
    }

    /// Writes the cursor's style. No program can ask for a hollow block, so that a `Term` with this default tells the
    /// program that asked from the one that leaves it to the page.
    fn cursor_style(&mut self, style: CursorStyle) {
        let steady = match style.shape {
            CursorShape::Block => 2,
            CursorShape::Underline => 4,
            CursorShape::Beam => 6,
            CursorShape::HollowBlock | CursorShape::Hidden => {
                self.out.push_str(if style.blinking { "\x1b[?12h" } else { "" });
                return;
            }
        };
        let _ = write!(self.out, "\x1b[{} q", steady - i32::from(style.blinking));
    }

    /// Pushes the flags rather than setting them, since the program that has them is going to pop them.
    fn keyboard(&mut self, mode: TermMode) {
        let modes = keyboard_modes(mode);
        if !modes.is_empty() {
            let _ = write!(self.out, "\x1b[>{}u", modes.bits());
        }
    }
}

/// Whether a character of two cells begins here and is whole.
fn is_wide(row: &Row<Cell>, column: usize) -> bool {
    row[Column(column)].flags.contains(Flags::WIDE_CHAR)
        && column + 1 < row.len()
        && row[Column(column + 1)].flags.contains(Flags::WIDE_CHAR_SPACER)
}

/// Whether erasing with this background makes such a cell.
fn is_erased(cell: &Cell, background: Color) -> bool {
    matches!(cell.c, ' ' | '\t')
        && !cell.flags.contains(Flags::WIDE_CHAR_SPACER)
        && cell.zerowidth().is_none_or(<[char]>::is_empty)
        && Pen::of(cell) == Pen::erased(background)
}

/// The flags of the kitty keyboard protocol, which are bits of the terminal's mode in the same order.
fn keyboard_modes(mode: TermMode) -> KeyboardModes {
    let bits =
        (mode & TermMode::KITTY_KEYBOARD_PROTOCOL).bits() >> TermMode::DISAMBIGUATE_ESC_CODES.bits().trailing_zeros();
    KeyboardModes::from_bits_truncate(u8::try_from(bits).unwrap_or(0))
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
