//! What is captured is what the X server shows, with the pointer in it.

use std::time::Instant;

use anteroom_guest::screen::Screen;
use anteroom_protocol::guest::DesktopSize;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::display::{DEADLINE, Display, SIZE};

fn luma(screen: &Screen, x: usize, y: usize) -> u8 {
    screen.picture().planes()[0][y * usize::from(SIZE.width) + x]
}

/// Takes in what the X server tells, until something has changed.
fn await_change(screen: &mut Screen) {
    let deadline = Instant::now() + DEADLINE;
    screen.pump().unwrap();
    while !screen.has_changed() {
        assert!(Instant::now() < deadline, "the X server told nothing");
        poll(&mut [PollFd::from_borrowed_fd(screen.fd(), PollFlags::IN)], Some(&Timespec { tv_sec: 1, tv_nsec: 0 }))
            .unwrap();
        screen.pump().unwrap();
    }
}

/// BT.601 limited range: black, white and blue.
const BLACK: u8 = 16;
const WHITE: u8 = 235;

fn settled(display: &Display) -> Screen {
    display.fill(0, (0, 0, SIZE.width, SIZE.height));
    display.warp(600, 300);
    let mut screen = Screen::open(&display.name, SIZE).unwrap();
    screen.grab().unwrap();
    screen
}

#[test]
fn only_what_was_drawn_changes_and_all_of_it() {
    let display = Display::start();
    let mut screen = settled(&display);
    assert!(!screen.has_changed());
    display.fill(0xff_ffff, (101, 51, 7, 3));
    display.fill(0xff_ffff, (400, 200, 1, 1));
    await_change(&mut screen);
    assert!(screen.grab().unwrap());
    for (x, y, expected) in [
        (101, 51, WHITE),
        (107, 53, WHITE),
        (100, 51, BLACK),
        (108, 53, BLACK),
        (101, 50, BLACK),
        (101, 54, BLACK),
        (400, 200, WHITE),
    ] {
        assert!(luma(&screen, x, y).abs_diff(expected) <= 2, "{x},{y}: {}, not {expected}", luma(&screen, x, y));
    }
    screen.pump().unwrap();
    assert!(!screen.has_changed(), "the damage was taken");
}

#[test]
fn the_pointer_is_drawn_where_it_is_and_gone_from_where_it_was() {
    let display = Display::start();
    let mut screen = settled(&display);
    display.fill(0xff_ffff, (0, 0, SIZE.width, SIZE.height));
    await_change(&mut screen);
    screen.grab().unwrap();
    let dark = |screen: &Screen, x: usize, y: usize| {
        (y - 8..y + 8)
            .flat_map(|y| (x - 8..x + 8).map(move |x| (x, y)))
            .filter(|(x, y)| luma(screen, *x, *y) < 128)
            .count()
    };
    assert!(dark(&screen, 600, 300) > 10, "the X server's first cursor is a black cross");
    display.move_pointer(200, 100);
    await_change(&mut screen);
    assert!(screen.grab().unwrap());
    assert_eq!(dark(&screen, 600, 300), 0);
    assert!(dark(&screen, 200, 100) > 10);
    // A program's warp makes no event; the next grab sees it.
    display.warp(300, 150);
    assert!(screen.grab().unwrap());
    assert!(dark(&screen, 300, 150) > 10 && dark(&screen, 200, 100) == 0);
}

#[test]
fn a_screen_that_is_too_small_is_refused_by_what_it_has() {
    let display = Display::start();
    let error = Screen::open(&display.name, DesktopSize { width: 1280, height: 720 }).err().unwrap();
    assert!(error.to_string().contains("640x360x24") && error.to_string().contains("1280x720x24"), "{error}");
}

#[test]
fn a_display_that_is_not_there_is_named() {
    let error = Screen::open(":9999", SIZE).err().unwrap();
    assert!(error.to_string().contains(":9999"), "{error}");
}
