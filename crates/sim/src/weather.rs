//! How much goes wrong in a schedule. Each kind of fault is absent from half of the schedules, so that what one of them
//! breaks is not hidden by the others.

use std::ops::RangeInclusive;

use crate::dice::Dice;

/// Rates in ten thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// The longest way of a request or a reply, milliseconds.
    pub(crate) lag_ms: u64,
    /// A request does not arrive.
    pub(crate) lost: u32,
    /// It arrives and its reply does not.
    pub(crate) reply_lost: u32,
    /// It arrives twice.
    pub(crate) twice: u32,
    /// It arrives when its sender has given up.
    pub(crate) late: u32,
    /// A call of the store or the driver takes some time.
    pub(crate) slow: u32,
    /// A call of the store fails.
    pub(crate) store_fails: u32,
    /// The controller is killed at a call of its store or driver.
    pub(crate) killed: u32,
    /// A call of the driver fails.
    pub(crate) driver_fails: u32,
    /// A connection does not come up.
    pub(crate) media_fails: u32,
}

impl Weather {
    pub(crate) fn draw(dice: &Dice) -> Self {
        let rate = |range: RangeInclusive<u64>| {
            if dice.chance(5000) { u32::try_from(dice.number(range)).expect("rates are small") } else { 0 }
        };
        Self {
            lag_ms: dice.pick(&[1, 5, 40, 300]),
            lost: rate(50..=800),
            reply_lost: rate(50..=800),
            twice: rate(50..=1000),
            late: rate(50..=500),
            slow: rate(200..=5000),
            store_fails: rate(10..=200),
            killed: rate(2..=30),
            driver_fails: rate(300..=3000),
            media_fails: rate(300..=3000),
        }
    }

    /// Nothing goes wrong any more.
    pub(crate) fn calm() -> Self {
        Self { lag_ms: 2, ..Self::default() }
    }
}
