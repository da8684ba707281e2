use anteroom_protocol::{Epoch, ViewId};

use super::*;

const QUICK: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_millis(400);

fn person() -> Who {
    Who::Epoch(Epoch(1))
}

fn view() -> Who {
    Who::View(ViewId::from_random([1; 16]))
}

fn audience(watchers: &[(Who, u64, Duration)]) -> Audience {
    let mut audience = Audience::default();
    for (who, estimate_bps, waits) in watchers {
        audience.add(who, Condition { estimate_bps: *estimate_bps, waits: *waits });
    }
    audience
}

#[test]
fn the_person_decides_the_rate_and_views_only_among_themselves_within_a_limit() {
    for (watchers, kbps) in [
        (vec![], rate::START_KBPS),
        (vec![(person(), 4_000_000, QUICK), (view(), 500_000, QUICK)], 3_600),
        (vec![(view(), 500_000, QUICK), (person(), 4_000_000, QUICK), (view(), 9_000_000, QUICK)], 3_600),
        (vec![(person(), 4_000_000, QUICK), (person(), 2_000_000, QUICK)], 1_800),
        (vec![(view(), 4_000_000, QUICK), (view(), 2_000_000, QUICK)], 1_800),
        (vec![(view(), 4_000_000, QUICK), (view(), 100_000, QUICK)], 900),
    ] {
        assert_eq!(audience(&watchers).kbps(), kbps, "{watchers:?}");
    }
}

#[test]
fn the_encoder_waits_for_the_persons_network_and_for_views_only_when_all_are_slow() {
    for (watchers, congested) in [
        (vec![], false),
        (vec![(person(), 1, QUICK), (view(), 1, LONG)], false),
        (vec![(view(), 1, QUICK), (person(), 1, LONG)], true),
        (vec![(person(), 1, QUICK), (person(), 1, LONG)], true),
        (vec![(view(), 1, LONG), (view(), 1, QUICK)], false),
        (vec![(view(), 1, LONG), (view(), 1, LONG)], true),
    ] {
        assert_eq!(audience(&watchers).is_congested(), congested, "{watchers:?}");
    }
}

#[test]
fn pictures_pass_slow_views_by_and_never_the_person() {
    assert!(is_behind(&view(), LONG));
    assert!(!is_behind(&view(), BEHIND_AFTER));
    assert!(!is_behind(&person(), Duration::MAX));
}

#[test]
fn a_view_gets_keyframes_less_often_than_the_person() {
    assert!(keyframe_interval(&view()) >= 4 * keyframe_interval(&person()));
}
