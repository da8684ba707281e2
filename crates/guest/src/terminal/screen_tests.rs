use proptest::prelude::*;

use super::*;

fn drawn(columns: u16, written: &str) -> Screen {
    let mut screen = Screen::new(columns, 10);
    let _ = screen.feed(written.as_bytes());
    screen
}

fn texts(screen: &Screen) -> Vec<String> {
    screen.rows().into_iter().map(|row| row.text).collect()
}

#[test]
fn every_query_that_clis_ask_is_answered() {
    for (name, query, answer) in [
        ("CSI 5n", "\x1b[5n", "\x1b[0n"),
        ("CSI 6n", "ab\r\ncd\x1b[6n", "\x1b[2;3R"),
        ("DA1", "\x1b[c", "\x1b[?6c"),
        ("DA1 with 0", "\x1b[0c", "\x1b[?6c"),
        ("XTVERSION", "\x1b[>q", "\x1bP>|anteroom(1)\x1b\\"),
        ("XTVERSION with 0", "\x1b[>0q", "\x1bP>|anteroom(1)\x1b\\"),
        ("kitty keyboard", "\x1b[?u", "\x1b[?0u"),
        ("OSC 10", "\x1b]10;?\x1b\\", "\x1b]10;rgb:e6e6/e6e6/e6e6\x1b\\"),
        ("OSC 11", "\x1b]11;?\x07", "\x1b]11;rgb:1010/1212/1818\x07"),
        ("DECRQM of a set mode", "\x1b[?25$p", "\x1b[?25;1$y"),
        ("DECRQM of synchronised updates", "\x1b[?2026$p", "\x1b[?2026;2$y"),
        ("DECRQM of an unknown mode", "\x1b[?9999$p", "\x1b[?9999;0$y"),
        ("size in cells", "\x1b[18t", "\x1b[8;10;80t"),
        ("size in pixels", "\x1b[14t", "\x1b[4;160;640t"),
    ] {
        let mut screen = Screen::new(80, 10);
        assert_eq!(String::from_utf8_lossy(&screen.feed(query.as_bytes())), answer, "{name}");
    }
}

#[test]
fn answers_come_in_the_order_of_the_questions() {
    let mut screen = Screen::new(80, 10);
    let answers = screen.feed(b"\x1b[>q\x1b[?u\x1b[c\x1b[6n");
    assert_eq!(String::from_utf8_lossy(&answers), "\x1bP>|anteroom(1)\x1b\\\x1b[?0u\x1b[?6c\x1b[1;1R");
}

#[test]
fn a_query_cut_by_chunks_is_answered_once() {
    let mut screen = Screen::new(80, 10);
    let answers: Vec<u8> = b"\x1b[>q\x1b[6n".iter().flat_map(|byte| screen.feed(&[*byte])).collect();
    assert_eq!(String::from_utf8_lossy(&answers), "\x1bP>|anteroom(1)\x1b\\\x1b[1;1R");
}

#[test]
fn wrapped_rows_are_joined_and_colours_leave_no_trace() {
    let screen = drawn(10, "\x1b[94mabcdefgh\x1b[1mijklmnopq\x1b[0mrstuv\r\nnext");
    assert_eq!(texts(&screen), ["abcdefghijklmnopqrstuv", "next"]);
}

#[test]
fn words_placed_by_cursor_movement_stand_apart() {
    let screen = drawn(40, "one\x1b[8Gtwo\x1b[2Cthree\x1b[2;3Hfour");
    assert_eq!(texts(&screen), ["one    two  three", "  four"]);
}

#[test]
fn a_row_that_reaches_the_edge_says_so() {
    let screen = drawn(10, "0123456789\r\r\n01234");
    let edges: Vec<_> = screen.rows().into_iter().map(|row| row.reaches_edge).collect();
    assert_eq!(edges, [true, false]);
}

#[test]
fn rows_that_scrolled_out_are_still_read() {
    let lines: String = (0..30).map(|n| format!("line {n}\r\n")).collect();
    assert_eq!(texts(&drawn(80, &lines)).first().map(String::as_str), Some("line 0"));
}

#[test]
fn hyperlinks_are_read_with_their_targets() {
    let screen = drawn(80, "\x1b]8;;https://example.com/a?b=c\x1b\\click\x1b]8;;\x1b\\ here");
    assert_eq!(screen.links(), ["https://example.com/a?b=c"]);
}

#[test]
fn a_synchronised_update_without_an_end_is_drawn_when_asked_for() {
    let mut screen = drawn(80, "\x1b[?2026hheld");
    assert!(screen.held_back_until().is_some());
    assert_eq!(texts(&screen), Vec::<String>::new());
    let _ = screen.draw_held_back();
    assert!(screen.held_back_until().is_none());
    assert_eq!(texts(&screen), ["held"]);
}

#[test]
fn a_resized_screen_says_its_size() {
    let mut screen = Screen::new(80, 10);
    screen.resize(40, 20);
    assert_eq!(screen.size(), (40, 20));
    assert_eq!(String::from_utf8_lossy(&screen.feed(b"\x1b[18t")), "\x1b[8;20;40t");
}

#[test]
fn a_program_that_asks_for_the_colours_is_told_which_is_bright() {
    let asked = |background, question: &[u8]| {
        let mut screen = Screen::new(80, 10).drawn_on(background);
        String::from_utf8(screen.feed(question)).unwrap()
    };
    let (dark, bright) = ("rgb:1010/1212/1818", "rgb:e6e6/e6e6/e6e6");
    for (background, of_text, of_background) in [(Background::Dark, bright, dark), (Background::Light, dark, bright)] {
        assert_eq!(asked(background, b"\x1b]10;?\x07"), format!("\x1b]10;{of_text}\x07"));
        assert_eq!(asked(background, b"\x1b]11;?\x07"), format!("\x1b]11;{of_background}\x07"));
    }
}

#[test]
fn a_screen_of_no_size_has_the_smallest_one() {
    let mut screen = Screen::new(0, 0);
    assert_eq!(screen.size(), (2, 1));
    screen.resize(80, 10);
    screen.resize(0, 0);
    assert_eq!(screen.size(), (2, 1));
}

#[test]
fn rows_are_wrapped_anew_when_the_width_changes() {
    let mut screen = drawn(20, "0123456789abcdefghijkl\r\nnext");
    for columns in [10, 40, 5] {
        screen.resize(columns, 10);
        assert_eq!(texts(&screen), ["0123456789abcdefghijkl", "next"], "{columns}");
    }
}

#[test]
fn rows_that_a_lower_screen_has_no_place_for_are_kept() {
    let lines: String = (0..10).map(|n| format!("line {n}\r\n")).collect();
    let mut screen = drawn(80, &lines);
    let before = texts(&screen);
    for rows in [3, 50] {
        screen.resize(80, rows);
        assert_eq!(texts(&screen), before, "{rows}");
    }
}

#[test]
fn no_more_history_is_kept_than_asked_for() {
    let lines: String = (0..30).map(|n| format!("line {n}\r\n")).collect();
    let mut screen = Screen::with_history(80, 10, 5);
    let _ = screen.feed(lines.as_bytes());
    assert_eq!(texts(&screen).first().map(String::as_str), Some("line 16"));
}

#[test]
fn a_drawing_of_a_resized_screen_fits_it() {
    let mut screen = drawn(20, "0123456789abcdefghijkl\r\nnext");
    screen.resize(8, 10);
    let mut copy = Screen::new(8, 10);
    let _ = copy.feed(&screen.draw(HISTORY_ROWS));
    assert_eq!(copy.rows(), screen.rows());
}

#[test]
fn what_a_synchronised_update_holds_back_is_not_drawn() {
    let mut screen = drawn(80, "seen\x1b[?2026hheld");
    assert!(!screen.draw(0).windows(4).any(|bytes| bytes == b"held"));
    let _ = screen.draw_held_back();
    assert!(screen.draw(0).windows(4).any(|bytes| bytes == b"held"));
}

#[test]
fn a_cursor_style_is_drawn_only_when_a_program_asked_for_one() {
    let styled = |mut screen: Screen| String::from_utf8_lossy(&screen.draw(0)).contains(" q");
    assert!(!styled(drawn(80, "ab")));
    assert!(styled(drawn(80, "ab\x1b[2 q")));
}

/// Bytes with the beginnings of sequences, cut anywhere.
fn written() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        "0123456789abcdef",
        "\r\n",
        "\n\n\n",
        "世界世界",
        "\u{301}",
        "\t",
        "\x1b[",
        "\x1b[?1049h",
        "\x1b[?1049l",
        "\x1b[2;4r",
        "\x1b[?6h",
        "\x1b7",
        "\x1b8",
        "\x1b[9;9H",
        "\x1b[41m",
        "\x1b[2J",
        "\x1b[@",
        "\x1b[P",
        "\x1b[?2026h",
        "\x1b[?2026l",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..20).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn a_screen_of_any_size_is_drawn_the_same(
        steps in prop::collection::vec((written(), 0..20_u16, 0..8_u16), 1..8)
    ) {
        let mut screen = Screen::with_history(10, 4, 30);
        for (bytes, columns, rows) in steps {
            let _ = screen.feed(&bytes);
            screen.resize(columns, rows);
            let (columns, rows) = screen.size();
            let mut copy = Screen::with_history(columns, rows, 30);
            let _ = copy.feed(&screen.draw(30));
            // Halves of wide characters, which some of this leaves behind, are drawn as blanks, and marks on them not at all.
            let narrow = |screen: &Screen| texts(screen).join("\n").replace(['世', '界', '\u{301}', ' '], "").trim_end().to_owned();
            prop_assert_eq!(narrow(&copy), narrow(&screen));
        }
    }
}
