use super::*;

const QUIET: Situation = Situation { watched: true, changed: false, keyframe: false, busy: false, congested: false };
const CHANGED: Situation = Situation { changed: true, ..QUIET };

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_change_after_a_quiet_time_is_shown_at_once_and_so_is_the_next() {
    let start = Instant::now();
    let mut pace = Pace::new(start);
    for step in 0..2 {
        let now = start + ms(500 + step);
        assert_eq!(pace.next(CHANGED, now), Step::Show);
        pace.shown(true, now);
    }
    let third = pace.next(CHANGED, start + ms(502));
    assert!(matches!(third, Step::WaitUntil(at) if at > start + ms(510) && at < start + ms(520)), "{third:?}");
}

#[test]
fn a_desktop_that_changes_all_the_time_is_shown_some_sixty_times_a_second() {
    let start = Instant::now();
    let mut pace = Pace::new(start);
    let mut shown = 0;
    for now in (0..10_000).map(|tenth| start + Duration::from_micros(tenth * 100)) {
        if pace.next(CHANGED, now) == Step::Show {
            pace.shown(true, now);
            shown += 1;
        }
    }
    assert!((60..=68).contains(&shown), "{shown}");
}

/// How long the newest of a browser's pictures waits, when more pictures than usual came some time after the start.
fn wait_after_extra_pictures(since: Duration) -> Duration {
    let start = Instant::now();
    let mut pace = Pace::new(start);
    let mut waited = Duration::ZERO;
    let mut free = start;
    for number in 0..120 {
        let drawn = start + Duration::from_nanos(16_666_667) * number;
        if drawn > start + ms(500) + since {
            break;
        }
        // The answer to a click comes between two pictures, twice.
        let extra = [ms(4), ms(8)].map(|later| drawn + later);
        let extra = extra.into_iter().filter(|_| number == 30);
        for changed in [drawn].into_iter().chain(extra) {
            let mut now = changed.max(free);
            while let Step::WaitUntil(at) = pace.next(CHANGED, now) {
                now = at;
            }
            pace.shown(true, now);
            (free, waited) = (now, now - changed);
        }
    }
    waited
}

#[test]
fn pictures_that_a_click_adds_do_not_delay_a_browser_that_goes_on_drawing() {
    assert!(wait_after_extra_pictures(ms(20)) > ms(5), "too few to make anything wait");
    assert_eq!(wait_after_extra_pictures(ms(400)), Duration::ZERO);
}

#[test]
fn nothing_is_shown_to_nobody_or_while_busy_or_congested() {
    let now = Instant::now();
    let pace = Pace::new(now);
    for situation in [
        Situation { watched: false, keyframe: true, ..CHANGED },
        Situation { busy: true, keyframe: true, ..CHANGED },
        Situation { congested: true, ..CHANGED },
    ] {
        assert_eq!(pace.next(situation, now), Step::Wait, "{situation:?}");
    }
}

#[test]
fn a_keyframe_that_somebody_waits_for_is_never_delayed() {
    let now = Instant::now();
    let mut pace = Pace::new(now);
    for _ in 0..5 {
        pace.shown(true, now);
    }
    assert_eq!(pace.next(Situation { keyframe: true, congested: true, ..QUIET }, now), Step::Show);
}

/// When the same picture is sent again after a change that took `first` bytes, in milliseconds after it.
fn repeats(first: usize, bytes: impl Fn(usize) -> usize) -> Vec<u128> {
    let start = Instant::now();
    let mut pace = Pace::new(start);
    pace.shown(true, start);
    pace.encoded(first);
    let (mut now, mut times) = (start, Vec::new());
    while now < start + Duration::from_secs(6) {
        let Step::WaitUntil(at) = pace.next(QUIET, now) else { panic!("shown twice at once") };
        now = at;
        assert_eq!(pace.next(QUIET, now), Step::Show);
        pace.shown(false, now);
        pace.encoded(bytes(times.len()));
        times.push((now - start).as_millis());
    }
    times
}

#[test]
fn a_small_change_is_repeated_once_and_then_kept_alive() {
    assert_eq!(repeats(200, |_| 100), [60, 2_493, 4_893, 7_293]);
}

#[test]
fn a_blurred_picture_is_sharpened_until_it_is_sharp() {
    let short_of_bits = |step: usize| [100, 20_000, 100, 100][step.min(3)];
    assert_eq!(repeats(50_000, short_of_bits), [60, 93, 126, 159, 2_592, 4_992, 7_392]);
}

#[test]
fn a_picture_that_never_gets_sharp_costs_few_steps() {
    let times = repeats(50_000, |_| 20_000);
    let steps = usize::from(SHARPEN_STEPS);
    assert_eq!(times[..3], [60, 93, 126]);
    assert_eq!(times[steps] - times[steps - 1], KEEP_ALIVE.as_millis());
    assert!(times[..steps].windows(2).all(|pair| pair[1] - pair[0] == SHARPEN_INTERVAL.as_millis()));
}
