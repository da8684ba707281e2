use super::*;

const SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };
const WIDE: TerminalSize = TerminalSize { columns: 200, rows: 50 };

fn at(seconds: u64) -> Instant {
    use std::sync::OnceLock;
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now) + Duration::from_secs(seconds)
}

fn bytes(length: usize) -> Bytes {
    Bytes::from(output(&vec![b'x'; length]))
}

/// Everything that a viewer was sent: words as they are, output by its length.
fn sent(outbox: &mut mpsc::UnboundedReceiver<Bytes>) -> Vec<String> {
    let mut all = Vec::new();
    while let Ok(message) = outbox.try_recv() {
        all.push(match ViewerWords::read(&message) {
            Ok(words) => format!("{words:?}"),
            Err(_) => format!("{} bytes", message.len() - 1),
        });
    }
    all
}

fn screen_of(size: TerminalSize) -> String {
    format!("Screen {{ columns: {}, rows: {} }}", size.columns, size.rows)
}

/// A relay with its agent, and one viewer that has the whole screen of 10 bytes and has drawn it.
fn live() -> (Relay, ViewerNumber, mpsc::UnboundedReceiver<Bytes>) {
    let mut relay = Relay::default();
    relay.agent_came();
    let (number, mut outbox) = relay.join(SIZE, at(0));
    assert_eq!(relay.orders(), [ToAgent::Resize(SIZE), ToAgent::Draw, ToAgent::Drawn(0)]);
    relay.output(&bytes(5));
    relay.screen(SIZE, &[b'x'; 10]);
    assert_eq!(sent(&mut outbox), [screen_of(SIZE), "10 bytes".to_owned()]);
    relay.drawn(number, 10, at(0)).unwrap();
    assert_eq!(relay.orders(), [ToAgent::Drawn(15)]);
    (relay, number, outbox)
}

#[test]
fn a_viewer_gets_the_screen_and_all_output_after_it_and_none_before() {
    let (mut relay, _, mut outbox) = live();
    relay.output(&bytes(7));
    assert_eq!(sent(&mut outbox), ["7 bytes"]);
}

#[test]
fn a_second_viewer_gets_a_screen_of_its_own_which_the_first_does_not() {
    let (mut relay, _, mut first) = live();
    let (_, mut second) = relay.join(WIDE, at(0));
    assert_eq!(relay.orders(), [ToAgent::Draw], "the size is the first one's");
    relay.output(&bytes(3));
    relay.screen(SIZE, &[b'x'; 20]);
    relay.output(&bytes(4));
    assert_eq!(sent(&mut first), ["3 bytes", "4 bytes"]);
    assert_eq!(sent(&mut second), [screen_of(SIZE), "20 bytes".to_owned(), "4 bytes".to_owned()]);
}

#[test]
fn the_size_is_that_of_who_typed_last_and_the_others_are_told() {
    let (mut relay, first, mut outbox) = live();
    let (second, mut wide) = relay.join(WIDE, at(0));
    relay.orders();
    relay.types(second);
    assert_eq!(relay.orders(), [ToAgent::Resize(WIDE)]);
    assert_eq!(sent(&mut outbox), ["Size { columns: 200, rows: 50 }"]);
    relay.resize(first, TerminalSize { columns: 70, rows: 20 });
    assert_eq!(relay.orders(), [], "it is not the one that sets it");
    relay.types(first);
    assert_eq!(relay.orders(), [ToAgent::Resize(TerminalSize { columns: 70, rows: 20 })]);
    assert_eq!(sent(&mut wide), ["Size { columns: 70, rows: 20 }"]);
    relay.leave(first);
    assert_eq!(relay.orders(), [ToAgent::Resize(WIDE), ToAgent::Draw], "it is the one's who is left");
    relay.screen(WIDE, b"all");
    assert_eq!(sent(&mut wide), [screen_of(WIDE), "3 bytes".to_owned()]);
}

#[test]
fn the_agent_goes_as_fast_as_the_fastest_viewer() {
    let (mut relay, fast, _outbox) = live();
    let (_slow, _slow_outbox) = relay.join(SIZE, at(0));
    relay.screen(SIZE, &[]);
    relay.orders();
    relay.output(&bytes(100_000));
    assert_eq!(relay.orders(), [], "nobody has drawn it");
    relay.drawn(fast, 10 + 50_000, at(0)).unwrap();
    assert_eq!(relay.orders(), [ToAgent::Drawn(15 + 50_000)]);
    relay.drawn(fast, 10 + 50_001, at(0)).unwrap();
    assert_eq!(relay.orders(), [], "not for every byte");
    relay.drawn(fast, 10 + 100_000, at(0)).unwrap();
    assert_eq!(relay.orders(), [ToAgent::Drawn(15 + 100_000)]);
}

#[test]
fn without_viewers_the_agent_waits_for_nobody() {
    let mut relay = Relay::default();
    relay.agent_came();
    relay.output(&bytes(2_000_000));
    assert_eq!(relay.orders(), [ToAgent::Drawn(2_000_000)]);
    let (mut relay, only, _outbox) = live();
    relay.output(&bytes(1_000_000));
    assert_eq!(relay.orders(), []);
    relay.leave(only);
    assert_eq!(relay.orders(), [ToAgent::Drawn(1_000_015)], "it was the only one");
}

#[test]
fn a_viewer_that_is_too_far_behind_is_skipped_ahead_with_a_screen() {
    let (mut relay, fast, _outbox) = live();
    let (slow, mut outbox) = relay.join(SIZE, at(0));
    relay.screen(SIZE, &[]);
    let (mut total, half) = (10, usize::try_from(WINDOW_BYTES).unwrap() / 2);
    for _ in 0..3 {
        relay.output(&bytes(half));
        total += half as u64;
        relay.drawn(fast, total, at(0)).unwrap();
    }
    let halves = format!("{half} bytes");
    assert_eq!(sent(&mut outbox), [screen_of(SIZE), "0 bytes".to_owned(), halves.clone(), halves]);
    relay.orders();
    relay.drawn(slow, WINDOW_BYTES - 1, at(0)).unwrap();
    assert_eq!(relay.orders(), [], "it has still something to draw");
    relay.drawn(slow, WINDOW_BYTES, at(0)).unwrap();
    assert_eq!(relay.orders(), [ToAgent::Draw]);
    relay.screen(SIZE, b"now");
    relay.output(&bytes(1));
    assert_eq!(sent(&mut outbox), [screen_of(SIZE), "3 bytes".to_owned(), "1 bytes".to_owned()]);
}

#[test]
fn a_viewer_that_draws_nothing_holds_the_cli_up_for_some_seconds_only() {
    let (mut relay, number, _outbox) = live();
    relay.output(&bytes(1_000_000));
    relay.look(at(4));
    assert_eq!(relay.orders(), []);
    relay.look(at(6));
    assert_eq!(relay.orders(), [ToAgent::Drawn(1_000_015)]);
    relay.drawn(number, 1_000_010, at(60)).unwrap();
    assert_eq!(relay.orders(), [ToAgent::Draw], "it comes back");
}

#[test]
fn a_new_connection_of_the_agent_draws_everything_anew() {
    let (mut relay, _, mut outbox) = live();
    relay.output(&bytes(9));
    relay.agent_came();
    assert_eq!(relay.orders(), [ToAgent::Resize(SIZE), ToAgent::Draw]);
    relay.output(&bytes(3));
    relay.screen(SIZE, b"all");
    assert_eq!(sent(&mut outbox), ["9 bytes".to_owned(), screen_of(SIZE), "3 bytes".to_owned()]);
}

#[test]
fn nobody_has_drawn_what_they_were_not_sent() {
    let (mut relay, number, _outbox) = live();
    assert_eq!(relay.drawn(number, 11, at(0)), Err(Impossible));
    assert_eq!(relay.drawn(number, 9, at(0)), Err(Impossible));
    assert_eq!(relay.drawn(99, 1, at(0)), Ok(()), "it has left");
}

#[test]
fn use_is_noted_now_and_then() {
    let mut relay = Relay::default();
    let noted: Vec<bool> = [0, 10, 21, 30, 42].map(|second| relay.is_noteworthy(at(second))).to_vec();
    assert_eq!(noted, [true, false, true, false, true]);
}

#[test]
fn what_is_typed_waits_for_a_cli_that_does_not_read() {
    let mut relay = Relay::default();
    assert!(!relay.takes_keys(), "there is no agent");
    relay.agent_came();
    relay.gave_keys(WINDOW_BYTES - 1);
    assert!(relay.takes_keys());
    relay.gave_keys(1);
    assert!(!relay.takes_keys());
    assert_eq!(relay.took_keys(WINDOW_BYTES + 1), Err(Impossible));
    relay.took_keys(10).unwrap();
    assert!(relay.takes_keys());
    assert_eq!(relay.took_keys(9), Err(Impossible));
}

#[test]
fn the_fastest_viewer_is_never_left_behind_by_an_agent_that_keeps_its_window() {
    use anteroom_protocol::terminal::AGENT_WINDOW_BYTES;
    let (mut relay, number, mut outbox) = live();
    let (message, mut sent_by_agent, mut told) = (16 * 1024, 15, 15);
    let mut drawn = 10;
    for _ in 0..1000 {
        while sent_by_agent - told < AGENT_WINDOW_BYTES {
            relay.output(&bytes(message));
            sent_by_agent += message as u64;
        }
        // It draws a little of what waits.
        drawn += 40_000;
        relay.drawn(number, drawn, at(0)).unwrap();
        for order in relay.orders() {
            assert!(matches!(order, ToAgent::Drawn(count) if count > told), "{order:?}");
            if let ToAgent::Drawn(count) = order {
                told = count
            }
        }
    }
    let all: u64 = sent(&mut outbox).iter().map(|sent| sent.trim_end_matches(" bytes").parse::<u64>().unwrap()).sum();
    assert_eq!(all, sent_by_agent - 15, "not one is missing");
}

#[test]
fn a_large_screen_leaves_nobody_behind() {
    let mut relay = Relay::default();
    relay.agent_came();
    let (_, mut outbox) = relay.join(SIZE, at(0));
    relay.screen(SIZE, &vec![b'x'; 3_000_000]);
    relay.output(&bytes(1_000_000));
    assert_eq!(sent(&mut outbox).last().map(String::as_str), Some("1000000 bytes"));
}
