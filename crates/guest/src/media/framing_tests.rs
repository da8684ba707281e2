use proptest::prelude::*;

use super::*;

fn framed(datagrams: &[Vec<u8>]) -> Vec<u8> {
    datagrams.iter().flat_map(|bytes| [&(bytes.len() as u16).to_be_bytes(), bytes.as_slice()].concat()).collect()
}

/// Reads a stream in pieces, as `read` would give it.
fn read(stream: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, NoDatagram> {
    let (mut inbox, mut out, mut rest) = (Inbox::new(), [0; DATAGRAM_BYTES], stream);
    let mut datagrams = Vec::new();
    while !rest.is_empty() {
        let space = inbox.space();
        let length = piece.min(rest.len()).min(space.len());
        assert!(length > 0, "there is always space");
        space[..length].copy_from_slice(&rest[..length]);
        inbox.filled(length);
        rest = &rest[length..];
        loop {
            let more = inbox.has_more();
            match inbox.take(&mut out)? {
                Some(length) => {
                    assert!(more);
                    datagrams.push(out[..length].to_vec());
                }
                None => break assert!(!more),
            }
        }
    }
    Ok(datagrams)
}

proptest! {
    #[test]
    fn datagrams_come_out_of_a_stream_as_they_went_in_however_it_is_cut(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=DATAGRAM_BYTES), 0..12),
        piece in 1..10_000usize,
    ) {
        prop_assert_eq!(read(&framed(&datagrams), piece), Ok(datagrams));
    }

    #[test]
    fn no_stream_breaks_the_inbox(stream in prop::collection::vec(any::<u8>(), 0..20_000), piece in 1..5_000usize) {
        let _ = read(&stream, piece);
    }
}

#[test]
fn lengths_that_no_viewer_sends_end_the_stream() {
    for length in [0, DATAGRAM_BYTES + 1, 65_535] {
        let stream = (length as u16).to_be_bytes();
        assert_eq!(read(&stream, 2), Err(NoDatagram), "{length}");
    }
}

#[test]
fn an_outbox_gives_its_bytes_out_in_order_and_forgets_what_was_taken() {
    let start = Instant::now();
    let later = start + Duration::from_secs(1);
    let mut outbox = Outbox::default();
    assert!(outbox.push(&[1, 2, 3], start) && outbox.push(&[4], later));
    assert_eq!((outbox.next(), outbox.since()), (&[0, 3, 1, 2, 3][..], Some(start)));
    outbox.took(4);
    assert_eq!((outbox.next(), outbox.since()), (&[3][..], Some(start)));
    outbox.took(1);
    assert_eq!((outbox.next(), outbox.since()), (&[0, 1, 4][..], Some(later)));
    outbox.took(3);
    assert_eq!((outbox.next(), outbox.since(), outbox.bytes), (&[][..], None, 0));
}

#[test]
fn a_full_outbox_loses_what_comes_and_takes_again_when_there_is_room() {
    let (mut outbox, now) = (Outbox::default(), Instant::now());
    let datagram = [7; 1200];
    let taken = std::iter::repeat_with(|| outbox.push(&datagram, now)).take_while(|taken| *taken).count();
    assert_eq!(taken, OUTBOX_BYTES / 1202);
    outbox.took(1202);
    assert!(outbox.push(&datagram, now));
    assert!(!outbox.push(&datagram, now));
}

#[test]
fn an_outbox_is_stalled_when_its_oldest_has_waited_for_the_limit() {
    let (mut outbox, now, limit) = (Outbox::default(), Instant::now(), Duration::from_secs(10));
    assert!(!outbox.is_stalled(now + limit, limit), "nothing waits");
    outbox.push(&[1], now);
    assert!(!outbox.is_stalled(now + limit / 2, limit));
    assert!(outbox.is_stalled(now + limit, limit));
}
