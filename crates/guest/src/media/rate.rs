//! How many bits a second the encoder may make. Pure.

/// Before the network is known. Enough for a readable first picture within some 100 ms; probing raises it within
/// the first round trips where there is room.
pub(super) const START_KBPS: u32 = 2_500;
/// Below this, text is unreadable anyway.
pub(super) const MIN_KBPS: u32 = 200;
/// Above this, a desktop of 1280x720 looks no better, and encoding and decoding cost more.
pub(super) const MAX_KBPS: u32 = 8_000;

/// An estimate of this much is enough for [`MAX_KBPS`] of video.
pub(super) const ENOUGH_KBPS: u32 = 9_000;

/// Part of the estimate that video takes; the rest is for headers, resends and the data channels.
const SHARE_PERCENT: u64 = 90;
/// Changes below this are not worth telling the encoder.
const NOTICEABLE_PERCENT: u32 = 5;

/// The encoder's rate for the smallest estimate of all viewers, bits a second.
pub(super) fn encoder_kbps(estimates_bps: impl Iterator<Item = u64>) -> u32 {
    let smallest = estimates_bps
        .min()
        .map_or(START_KBPS, |bps| u32::try_from(bps.saturating_mul(SHARE_PERCENT) / 100_000).unwrap_or(u32::MAX));
    smallest.clamp(MIN_KBPS, MAX_KBPS)
}

/// Whether the encoder should be told. A new limit always counts.
pub(super) fn is_noticeable(old: u32, new: u32) -> bool {
    let at_limit = old != new && (new == MIN_KBPS || new == MAX_KBPS);
    at_limit || old.abs_diff(new) * 100 > old * NOTICEABLE_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_viewer_decides_within_the_limits() {
        for (estimates, kbps) in [
            (vec![], START_KBPS),
            (vec![4_000_000], 3_600),
            (vec![4_000_000, 1_000_000], 900),
            (vec![10_000], MIN_KBPS),
            (vec![u64::MAX], MAX_KBPS),
        ] {
            assert_eq!(encoder_kbps(estimates.iter().copied()), kbps, "{estimates:?}");
        }
    }

    #[test]
    fn small_changes_are_kept_from_the_encoder_but_limits_are_reached() {
        for (old, new, noticed) in [
            (1000, 1000, false),
            (1000, 1040, false),
            (1000, 1100, true),
            (1000, 900, true),
            (7_900, MAX_KBPS, true),
            (210, MIN_KBPS, true),
        ] {
            assert_eq!(is_noticeable(old, new), noticed, "{old} to {new}");
        }
    }
}
