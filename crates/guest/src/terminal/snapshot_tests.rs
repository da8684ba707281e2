use std::fmt::Debug;

use alacritty_terminal::{
    event::VoidListener,
    term::{Config, test::TermSize},
    vte::ansi::Processor,
};
use proptest::prelude::*;

use super::*;

/// Rows kept above the visible ones in every terminal here.
const KEPT: usize = 40;

type Terminal = Term<VoidListener>;

fn terminal(columns: usize, rows: usize) -> Terminal {
    let config = Config {
        scrolling_history: KEPT,
        kitty_keyboard: true,
        default_cursor_style: CursorStyle { shape: CursorShape::HollowBlock, blinking: false },
        ..Config::default()
    };
    Term::new(config, &TermSize::new(columns, rows), VoidListener)
}

fn feed(term: &mut Terminal, bytes: &[u8]) {
    let mut processor: Processor = Processor::new();
    processor.advance(term, bytes);
}

fn fed(columns: usize, rows: usize, written: &str) -> Terminal {
    let mut term = terminal(columns, rows);
    feed(&mut term, written.as_bytes());
    term
}

/// A fresh terminal of the same size that was drawn from this one.
fn copy(term: &mut Terminal) -> Terminal {
    let mut copy = terminal(term.columns(), term.screen_lines());
    feed(&mut copy, &draw(term, KEPT));
    copy
}

/// A cell as xterm.js would show it. What differs between two cells that are alike here can't be seen there.
#[derive(Debug, PartialEq)]
struct Shown {
    text: String,
    look: String,
    link: Option<String>,
    wide: bool,
    wraps: bool,
    makes_room: bool,
}

/// Which marks of wrapping are compared.
#[derive(Clone, Copy, PartialEq)]
enum Wraps {
    All,
    None,
}

/// The cells of a line; `next` is the line below, if there is one.
fn shown(row: &Row<Cell>, next: Option<&Row<Cell>>) -> Vec<Shown> {
    let last = row.len() - 1;
    let wraps = next.is_some() && row[Column(last)].flags.contains(Flags::WRAPLINE);
    (0..row.len())
        .filter(|column| *column == 0 || !is_wide(row, column - 1)) // has the look of the character that it belongs to
        .map(|column| {
            let cell = &row[Column(column)];
            // The library leaves halves of wide characters when the other one is overwritten, and the marks of wrapping
            // where such cells are moved to. Neither means anything there, and nothing that is printed leaves them.
            let wide = is_wide(row, column);
            let half = cell.flags.contains(Flags::WIDE_CHAR) && !wide;
            let makes_room = wraps
                && column == last
                && cell.flags.contains(Flags::LEADING_WIDE_CHAR_SPACER)
                && next.is_some_and(|next| is_wide(next, 0));
            let mut text = String::from(if half || cell.c == '\t' { ' ' } else { cell.c });
            text.extend(cell.zerowidth().into_iter().flatten());
            let look = (cell.fg, cell.bg, cell.flags & PEN_FLAGS, cell.underline_color());
            Shown {
                text,
                // The room that a wide character left has its colours when it wraps again.
                look: if makes_room { String::new() } else { format!("{look:?}") },
                link: cell.hyperlink().filter(|_| !makes_room).map(|link| link.uri().to_owned()),
                wide,
                wraps: wraps && column == last,
                makes_room,
            }
        })
        .collect()
}

/// All rows, the oldest one first. A row that would wrap into the first one below the screen can't be drawn.
fn rows(term: &Terminal, history_rows: usize) -> Vec<Vec<Shown>> {
    let grid = term.grid();
    let last = grid.bottommost_line();
    let first = Line(0) - grid.history_size().min(history_rows);
    let next = |line: Line| (line < last).then(|| &grid[line + 1]);
    (first.0..=last.0).map(Line).map(|line| shown(&grid[line], next(line))).collect()
}

/// Lines with a cursor that waits to wrap. It is put there by writing the last column again, which makes the library
/// forget that the row has wrapped, if it has; xterm.js doesn't.
fn rewritten(term: &Terminal) -> Vec<i32> {
    let cursors = [&term.grid().cursor, &term.grid().saved_cursor];
    cursors.into_iter().filter(|cursor| cursor.input_needs_wrap).map(|cursor| cursor.point.line.0).collect()
}

fn cursor(cursor: &Cursor<Cell>) -> impl Debug + PartialEq {
    let template = &cursor.template;
    let look = (template.fg, template.bg, template.flags & PEN_FLAGS, template.underline_color());
    let link = template.hyperlink().map(|link| link.uri().to_owned());
    (cursor.point, cursor.input_needs_wrap, look, link, cursor.charsets)
}

#[track_caller]
fn assert_same_rows(one: &Terminal, other: &Terminal, history_rows: usize, wraps: Wraps) {
    let rewritten = rewritten(one);
    let above = one.grid().history_size().min(history_rows);
    let (one, other) = (rows(one, history_rows), rows(other, history_rows));
    assert_eq!(one.len(), other.len(), "rows");
    for (line, (one, other)) in one.iter().zip(&other).enumerate() {
        assert_eq!(one.len(), other.len(), "characters in row {line}");
        for (place, (one, other)) in one.iter().zip(other).enumerate() {
            let rewritten = one.wraps && rewritten.iter().any(|rewritten| Line(*rewritten) + above == Line::from(line));
            let excused = rewritten || wraps == Wraps::None && one.text == other.text && one.look == other.look;
            assert!(one == other || excused, "row {line}, place {place}: {one:?} is drawn as {other:?}");
        }
    }
}

#[track_caller]
fn assert_same(one: &mut Terminal, other: &mut Terminal) {
    assert_same_but(one, other, Wraps::All);
}

#[track_caller]
fn assert_same_but(one: &mut Terminal, other: &mut Terminal, wraps: Wraps) {
    assert_same_rows(one, other, KEPT, wraps);
    assert_eq!(cursor(&one.grid().cursor), cursor(&other.grid().cursor));
    assert_eq!(cursor(&one.grid().saved_cursor), cursor(&other.grid().saved_cursor), "saved");
    assert_eq!(one.mode(), other.mode());
    assert_eq!(one.cursor_style(), other.cursor_style());
    assert_eq!(scroll_region(one), scroll_region(other));
    for index in 0..=NamedColor::Cursor as usize {
        assert_eq!(one.colors()[index], other.colors()[index], "colour {index}");
    }
}

#[track_caller]
fn assert_drawn(written: &str) {
    let mut term = fed(10, 4, written);
    let mut copy = copy(&mut term);
    assert_same(&mut term, &mut copy);
}

fn drawn(written: &str) -> String {
    String::from_utf8(draw(&mut fed(10, 4, written), KEPT)).expect("text")
}

#[test]
fn an_empty_screen_is_only_line_breaks() {
    assert_eq!(drawn(""), "\r\n\r\n\r\n\x1b[1;1H");
}

#[test]
fn every_attribute_is_drawn() {
    for sgr in ["1", "2", "1;2", "3", "4", "4:2", "4:3", "4:4", "4:5", "7", "8", "9", "1;3;4;7;9"] {
        assert_drawn(&format!("a\x1b[{sgr}mb\x1b[mc"));
    }
}

#[test]
fn every_kind_of_colour_is_drawn() {
    for sgr in ["31", "97", "30", "38;5;1", "38;5;200", "38;2;1;2;3", "41", "100", "107", "48;5;9", "48;2;4;5;6"] {
        assert_drawn(&format!("a\x1b[{sgr}mb\x1b[mc"));
    }
    assert_drawn("\x1b[4;58;5;9ma\x1b[58;2;7;8;9mb\x1b[4:3;31;42;58:5:3mc\x1b[59md");
}

#[test]
fn wide_and_combining_characters_are_drawn() {
    assert_drawn("a世b\u{308}界\u{301}!");
    assert_drawn("\u{301}a");
    assert_drawn("123456789\u{301}0\u{302}");
}

#[test]
fn a_half_of_a_wide_character_is_drawn_as_a_blank() {
    assert_drawn("世界世界世\x1b[1;4H\x1b[P");
    assert_drawn("世界世界世\x1b[1;2H\x1b[@");
    assert_drawn("世界\x1b[1;2H\x1b[X");
}

#[test]
fn a_link_is_drawn_with_its_target_and_its_identity() {
    assert_drawn("\x1b]8;;https://example.com/a;b?c=d\x1b\\click\x1b]8;;\x1b\\ here");
    let drawn = drawn("\x1b]8;id=one;https://example.com/\x1b\\click me, please\x1b]8;;\x1b\\.");
    assert_eq!(drawn.matches("\x1b]8;id=one;https://example.com/\x1b\\").count(), 1, "{drawn:?}");
}

#[test]
fn a_wrapped_row_has_no_line_break() {
    assert!(drawn("0123456789abc").starts_with("0123456789abc\r\n"));
    assert!(drawn("123456789世").starts_with("123456789世\r\n"));
    assert_drawn("0123456789abc");
    assert_drawn("123456789世界");
    assert_drawn("\x1b[44m123456789世界\x1b[m");
}

#[test]
fn a_full_row_that_did_not_wrap_has_a_line_break() {
    assert!(drawn("0123456789\r\nabc").starts_with("0123456789\r\nabc"));
    assert_drawn("0123456789\r\nabc");
}

#[test]
fn a_row_that_continues_a_wrapped_one_continues_it_when_it_is_erased() {
    assert_drawn("0123456789abc\x1b[2K");
    assert_drawn("0123456789abc\x1b[41m\x1b[2K");
}

#[test]
fn blanks_at_the_end_are_drawn_only_in_colour() {
    assert!(drawn("ab   ").starts_with("ab\r\n"));
    assert!(drawn("ab\x1b[41m   \x1b[m").starts_with("ab\x1b[0;41m   \x1b[0m\r\n"));
    assert!(drawn("ab\x1b[41m\x1b[K\x1b[m").starts_with("ab\x1b[0;41m\x1b[K\x1b[0m\r\n"));
    assert_drawn("\x1b[44m\x1b[2J\x1b[2;3Hhere");
    assert_drawn("\x1b[7mab  \x1b[m\r\n\x1b[4mab  ");
}

#[test]
fn a_background_that_wraps_while_scrolling_does_not_run_out_of_its_text() {
    assert_drawn("\r\n\r\n\r\n012345678\x1b[41m9ab\x1b[m");
    assert_drawn("\r\n\r\n\r\n0123456789\x1b[41ma\x1b[mb\x1b[K\r\nc");
}

#[test]
fn tabs_are_drawn_as_the_blanks_that_they_skip() {
    assert_drawn("a\tb");
    assert!(drawn("a\t\t").starts_with("a\r\n"));
}

#[test]
fn rows_above_the_screen_are_drawn() {
    let lines: String = (0..30).map(|n| format!("\r\n\x1b[3{}mline {n}", n % 8)).collect();
    assert_drawn(&lines);
    assert_drawn(&lines.repeat(2));
}

#[test]
fn no_more_rows_are_drawn_than_asked_for() {
    let mut term = fed(10, 4, &"0123456789abc\r\n".repeat(9));
    for history_rows in [0, 1, 5, 100] {
        let mut copy = terminal(10, 4);
        feed(&mut copy, &draw(&mut term, history_rows));
        assert_eq!(copy.grid().history_size(), history_rows.min(15));
        assert_same_rows(&term, &copy, history_rows, Wraps::All);
    }
}

#[test]
fn the_cursor_is_where_it_was_and_as_it_was() {
    assert_drawn("ab\r\ncd\x1b[1;2H\x1b[1;31;44m");
    assert_drawn("ab\x1b]8;;https://example.com/\x1b\\");
    assert_drawn("ab\x1b[?25l");
    assert_drawn("ab\x1b[4;58;5;1m");
    for style in 0..7 {
        assert_drawn(&format!("\x1b[{style} q"));
    }
    assert_drawn("\x1b[?12h");
}

#[test]
fn a_cursor_that_waits_to_wrap_still_waits() {
    assert_drawn("0123456789");
    assert_drawn("\x1b[31m01234567\x1b[m世\x1b[4m");
    assert_drawn("\r\n\r\n\r\n\x1b[41m012345678 \x1b[?7l");
    assert_drawn("123456789\u{301}0\u{302}");
}

#[test]
fn the_saved_cursor_is_saved() {
    assert_drawn("ab\x1b[31m\x1b7\r\n\x1b[mcd");
    assert_drawn("0123456789\x1b7\x1b[3;3Hcd");
    assert_drawn("ab\x1b)0\x1b(0\x1b7\x1b(B\r\ncd");
}

#[test]
fn line_drawing_goes_on() {
    assert_drawn("a\x1b(0qqx");
}

#[test]
fn the_palette_is_drawn() {
    assert_drawn("\x1b]4;1;rgb:12/34/56\x07\x1b]10;#102030\x07\x1b]11;#405060\x07\x1b]12;#708090\x07");
}

#[test]
fn modes_are_set_after_what_they_would_change() {
    for mode in ["?1h", "?2004h", "?1000h", "?1002h", "?1003h", "?1003h\x1b[?1006h", "?1005h", "?1007l", "?1004h"] {
        assert_drawn(&format!("ab\x1b[{mode}"));
    }
    assert_drawn("ab\x1b=");
    assert_drawn("0123456789abc\x1b[4h");
    assert_drawn("0123456789abc\x1b[?7l");
    assert_drawn("ab\r\ncd\x1b[20h");
    assert_drawn("ab\r\ncd\x1b[?6h\x1b[2;2H");
}

#[test]
fn the_scroll_region_is_drawn() {
    assert_drawn("a\r\nb\r\nc\r\nd\x1b[2;3r");
    assert_drawn("a\r\nb\r\nc\r\nd\x1b[2;3r\x1b[?6h\x1b[2;2H");
    assert_drawn("a\r\nb\r\nc\r\nd\x1b[2r");
}

#[test]
fn keyboard_flags_are_drawn_and_popped_by_who_pushed_them() {
    assert_drawn("\x1b[>5u");
    let mut term = fed(10, 4, "\x1b[>5u");
    let mut copy = copy(&mut term);
    feed(&mut copy, b"\x1b[<u");
    assert!(!copy.mode().intersects(TermMode::KITTY_KEYBOARD_PROTOCOL));
}

#[test]
fn the_primary_screen_is_there_when_the_alternate_one_is_left() {
    let below = "line\r\n".repeat(9) + "\x1b[32;41mbelow";
    let above = "\x1b[?1049h\x1b[H\x1b[44m\x1b[2J\x1b[3;3Habove";
    let mut term = fed(10, 4, &(below + above));
    let mut copy = copy(&mut term);
    assert_same(&mut term, &mut copy);
    for term in [&mut term, &mut copy] {
        feed(term, b"\x1b[?1049l!");
    }
    assert_same(&mut term, &mut copy);
}

#[test]
fn drawing_the_whole_changes_nothing() {
    let written = "\x1b[>1ubelow\x1b[?1049h\x1b[2;2Habove\x1b[=3u\x1b[2;3r\x1b[?6h\x1b[2;5H\x1b7\x1b[31m";
    let (mut term, mut twin) = (fed(10, 4, written), fed(10, 4, written));
    let first = draw(&mut term, KEPT);
    assert_same(&mut term, &mut twin);
    assert_eq!(first, draw(&mut term, KEPT));
    for term in [&mut term, &mut twin] {
        feed(term, b"\x1b[?1049l!");
    }
    assert_same(&mut term, &mut twin);
}

#[test]
fn neither_a_reset_nor_a_query_is_drawn() {
    let drawn = drawn("ab\x1b[?1049h\x1b[?6h\x1b[4h\x1b[>1u\x1b[5 q\x1b]4;1;#102030\x07");
    for absent in ["\x1bc", "\x1b[!p", "n", "\x1b[c", "?\x1b\\", "$p"] {
        assert!(!drawn.contains(absent), "{absent:?} in {drawn:?}");
    }
}

/// Text and cursor movements within a small screen. The regions have two lines at least: the library takes one of a single
/// line, at the bottom, and xterm.js none.
fn plain() -> impl Strategy<Value = String> {
    let at = 1..14_u16;
    prop_oneof![
        6 => "[a-z ]{1,9}",
        2 => Just("0123456789abcdef".to_owned()),
        3 => Just("\r\n".to_owned()),
        1 => (1..12_usize).prop_map(|n| "x\r\n".repeat(n)),
        1 => prop::sample::select(vec!["\r", "\n", "\x08", "\x1bD", "\x1bM", "\x1bE", "\x1b7", "\x1b8"]).prop_map(str::to_owned),
        2 => (at.clone(), at.clone()).prop_map(|(line, column)| format!("\x1b[{line};{column}H")),
        1 => (at.clone(), prop::sample::select(vec!['A', 'B', 'C', 'D', 'G', 'd', 'E', 'F']))
            .prop_map(|(n, name)| format!("\x1b[{n}{name}")),
        1 => (at, prop::sample::select(vec!['L', 'M', 'P', '@', 'X', 'S', 'T']))
            .prop_map(|(n, name)| format!("\x1b[{n}{name}")),
        1 => prop::sample::select(vec!["\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[J", "\x1b[1J", "\x1b[3J"]).prop_map(str::to_owned),
        1 => (1..3_u16, 3..9_u16).prop_map(|(top, bottom)| format!("\x1b[{top};{bottom}r")),
        1 => Just("\x1b[r".to_owned()),
        4 => sgr(),
        2 => modes(),
    ]
}

fn sgr() -> impl Strategy<Value = String> {
    let codes = vec![
        "",
        "1",
        "2",
        "3",
        "4",
        "4:2",
        "4:3",
        "4:4",
        "4:5",
        "7",
        "8",
        "9",
        "22",
        "24",
        "27",
        "29",
        "31",
        "39",
        "42",
        "49",
        "94",
        "105",
        "38;5;3",
        "48;5;230",
        "38;2;1;2;3",
        "48;2;4;5;6",
        "58;5;7",
        "58;2;7;8;9",
        "59",
    ];
    prop::sample::select(codes).prop_map(|code| format!("\x1b[{code}m"))
}

fn modes() -> impl Strategy<Value = String> {
    let modes = vec![
        "4", "20", "?1", "?6", "?7", "?12", "?25", "?1000", "?1002", "?1003", "?1004", "?1005", "?1006", "?1007",
        "?2004",
    ];
    (prop::sample::select(modes), any::<bool>())
        .prop_map(|(mode, on)| format!("\x1b[{mode}{}", if on { 'h' } else { 'l' }))
}

/// All of it. Not among it: shifting to G1 (`SO`), which the library keeps to itself, and moving back by tabs, after which
/// its cursor may wait to wrap in any column.
fn anything() -> impl Strategy<Value = String> {
    let rare = vec![
        "\t",
        "\x1b[I",
        "世",
        "界界界界界界",
        "\u{301}",
        "e\u{308}",
        "\u{200d}",
        "\x1b[2J",
        "\x1b[?1049h",
        "\x1b[?1049l",
        "\x1b]8;;https://example.com/\x1b\\",
        "\x1b]8;id=a;https://example.com/b;c\x1b\\",
        "\x1b]8;;\x1b\\",
        "\x1b(0",
        "\x1b(B",
        "\x1b)0",
        "\x1b=",
        "\x1b>",
        "\x1b[3 q",
        "\x1b[6 q",
        "\x1b[ q",
        "\x1b[>1u",
        "\x1b[=5u",
        "\x1b[<u",
        "\x1b#8",
        "\x1bc",
        "\x1b]4;3;#123456\x07",
        "\x1b]104\x07",
    ];
    prop_oneof![3 => plain(), 2 => prop::sample::select(rare).prop_map(str::to_owned)]
}

fn written(piece: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A cursor outside the scroll region in origin mode, where only restoring brings it, can't be moved there again.
fn cursor_is_reachable(term: &mut Terminal) -> bool {
    let line = term.grid().cursor.point.line.0;
    !term.mode().contains(TermMode::ORIGIN) || scroll_region(term).is_none_or(|region| region.contains(&line))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_screen_drawn_anew_is_the_same_screen(
        written in written(anything()), columns in 6..14_usize, lines in 3..7_usize
    ) {
        let mut term = fed(columns, lines, &written);
        prop_assume!(cursor_is_reachable(&mut term));
        let mut copy = copy(&mut term);
        assert_same(&mut term, &mut copy);
        let mut twin = fed(columns, lines, &written);
        assert_same(&mut term, &mut twin);
        if term.mode().contains(TermMode::ALT_SCREEN) {
            for term in [&mut term, &mut copy, &mut twin] {
                feed(term, b"\x1b[?1049l");
            }
            assert_same(&mut term, &mut twin);
            prop_assume!(cursor_is_reachable(&mut term));
            assert_same(&mut term, &mut copy);
        }
    }

    /// With text of plain characters only: the halves and marks that the library leaves behind aren't drawn, but change
    /// how far it clears.
    #[test]
    fn what_comes_later_does_the_same_on_a_screen_drawn_anew(
        before in written(plain()), after in written(plain()), columns in 6..14_usize, lines in 3..7_usize
    ) {
        let mut term = fed(columns, lines, &before);
        prop_assume!(cursor_is_reachable(&mut term));
        let mut copy = copy(&mut term);
        for term in [&mut term, &mut copy] {
            feed(term, after.as_bytes());
        }
        // Marks that aren't drawn, as that of the last row, would show when the row moves up.
        assert_same_but(&mut term, &mut copy, Wraps::None);
    }
}
