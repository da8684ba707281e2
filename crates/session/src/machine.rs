//! What the reconciler does with one machine row.
//!
//! ```text
//!   wanted running:  planned ──create──► creating ──made──► running ──ended by itself──► lost (its session ends)
//!   wanted gone:     planned, creating, running ──destroy──► gone
//!   wanted kept:     running, for a look; nothing is done with it until it ends by itself
//! ```
//!
//! The first creation, the recovery after a crash at any instruction and the clean-up are one table. Missing on
//! purpose: a way from gone back, and a second use of a machine.

use std::net::Ipv4Addr;

use anteroom_protocol::{MachineId, SessionId, UnixMillis};
use serde::{Deserialize, Serialize};

/// How often a machine is made anew for the same row after a controller was lost in the middle. A row that
/// takes the controller down each time must not do so for ever.
pub const MAX_CREATE_ATTEMPTS: u32 = 3;

/// What the session wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// It serves its session.
    Running,
    /// Its session has failed, and it stays for a look; it serves nobody any more.
    Kept,
    /// Its session has ended.
    Gone,
}

/// What was last seen of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seen {
    /// Only the row exists.
    Planned,
    /// The driver was told to make it; the digest of its token is stored.
    Creating,
    /// The driver has made it.
    Running,
    /// Proved gone; its address is free.
    Gone,
}

/// A machine row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineRow {
    /// Its id; all its things are named after it.
    pub id: MachineId,
    /// The one session that it serves, ever; none while it is pooled, and waits for one.
    pub session: Option<SessionId>,
    /// Which driver makes it.
    pub driver: String,
    /// Its own address of the pool; no other row that is not gone has it.
    pub address: Ipv4Addr,
    /// What the session wants.
    pub wanted: Wanted,
    /// What was last seen.
    pub seen: Seen,
    /// How often its creation was begun.
    pub attempts: u32,
    /// When it was planned.
    pub created_at: UnixMillis,
    /// What it is made from, image and settings: a fingerprint. A pooled machine that is made from something else than
    /// new ones are is replaced.
    pub made_from: String,
}

/// What the driver sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum World {
    /// Nothing of it.
    Absent,
    /// It runs.
    Running,
    /// Something of it is there, but it does not run.
    Dead {
        /// What was seen.
        detail: String,
    },
}

/// The next step with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing to do.
    Nothing,
    /// Store `creating` with a new token, then have the driver make it.
    Create,
    /// It was made, though the controller did not live to store it: store `running`.
    TakeUp,
    /// It ended by itself: tell its session.
    Lost {
        /// What was seen.
        detail: String,
    },
    /// Have the driver destroy it, then store `gone`.
    Destroy,
}

/// Says what brings this row and the world one step nearer. Called by the reconciler for a row that nobody is
/// working on.
#[must_use]
pub fn next(row: &MachineRow, world: &World) -> Act {
    match (row.wanted, row.seen) {
        (_, Seen::Gone) => Act::Nothing,
        (Wanted::Gone, Seen::Planned | Seen::Creating | Seen::Running) => Act::Destroy,
        (Wanted::Kept, Seen::Planned | Seen::Creating) => Act::Destroy,
        (Wanted::Kept, Seen::Running) => match world {
            World::Running => Act::Nothing,
            // There is nothing left to look at.
            World::Absent | World::Dead { .. } => Act::Destroy,
        },
        (Wanted::Running, Seen::Planned) => Act::Create,
        (Wanted::Running, Seen::Creating) => match world {
            World::Running => Act::TakeUp,
            World::Absent | World::Dead { .. } if row.attempts < MAX_CREATE_ATTEMPTS => Act::Create,
            World::Absent | World::Dead { .. } => {
                Act::Lost { detail: format!("The machine could not be made in {MAX_CREATE_ATTEMPTS} attempts.") }
            }
        },
        (Wanted::Running, Seen::Running) => match world {
            World::Running => Act::Nothing,
            World::Absent => Act::Lost { detail: String::from("The machine is no longer there.") },
            World::Dead { detail } => Act::Lost { detail: detail.clone() },
        },
    }
}

/// Of the kept machines, in whatever order, those that are not to be kept any longer: the oldest beyond `keep`, and all that
/// were made `for_ms` ago.
#[must_use]
pub fn overdue(kept: &[MachineRow], keep: u32, for_ms: i64, now: UnixMillis) -> Vec<MachineId> {
    let mut newest: Vec<_> = kept.iter().collect();
    newest.sort_by_key(|row| std::cmp::Reverse(row.created_at));
    let stays = |place: usize, row: &MachineRow| place < keep as usize && now.since(row.created_at) < for_ms;
    let going = newest.into_iter().enumerate().filter(|(place, row)| !stays(*place, row));
    going.map(|(_, row)| row.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(wanted: Wanted, seen: Seen, attempts: u32) -> MachineRow {
        MachineRow {
            id: MachineId::from_random([1; 16]),
            session: Some(SessionId::from_random([2; 16])),
            driver: "fake".into(),
            address: Ipv4Addr::new(10, 87, 0, 2),
            wanted,
            seen,
            attempts,
            created_at: UnixMillis(0),
            made_from: String::new(),
        }
    }

    fn dead() -> World {
        World::Dead { detail: "its agent ended".into() }
    }

    #[test]
    fn every_row_and_world_has_one_next_step() {
        use {Seen::*, Wanted as W};
        let lost = |act: &Act| matches!(act, Act::Lost { .. });
        type Case<'a> = (W, Seen, u32, World, &'a dyn Fn(&Act) -> bool);
        let table: [Case; 16] = [
            (W::Running, Planned, 0, World::Absent, &|a| *a == Act::Create),
            (W::Running, Planned, 0, World::Running, &|a| *a == Act::Create),
            (W::Running, Creating, 1, World::Running, &|a| *a == Act::TakeUp),
            (W::Running, Creating, 1, World::Absent, &|a| *a == Act::Create),
            (W::Running, Creating, 1, dead(), &|a| *a == Act::Create),
            (W::Running, Creating, MAX_CREATE_ATTEMPTS, dead(), &lost),
            (W::Running, Seen::Running, 1, World::Running, &|a| *a == Act::Nothing),
            (W::Running, Seen::Running, 1, World::Absent, &lost),
            (W::Running, Seen::Running, 1, dead(), &lost),
            (W::Kept, Seen::Running, 1, World::Running, &|a| *a == Act::Nothing),
            (W::Kept, Seen::Running, 1, dead(), &|a| *a == Act::Destroy),
            (W::Kept, Creating, 1, World::Running, &|a| *a == Act::Destroy),
            (W::Kept, Seen::Gone, 1, World::Absent, &|a| *a == Act::Nothing),
            (W::Gone, Planned, 0, World::Absent, &|a| *a == Act::Destroy),
            (W::Gone, Seen::Running, 1, World::Running, &|a| *a == Act::Destroy),
            (W::Gone, Seen::Gone, 1, World::Absent, &|a| *a == Act::Nothing),
        ];
        for (wanted, seen, attempts, world, expected) in table {
            let act = next(&row(wanted, seen, attempts), &world);
            assert!(expected(&act), "{wanted:?} {seen:?} {attempts} {world:?} -> {act:?}");
        }
    }

    #[test]
    fn kept_machines_go_when_they_are_too_many_or_too_old() {
        let kept = [1, 3, 2].map(|number: u8| MachineRow {
            id: MachineId::from_random([number; 16]),
            created_at: UnixMillis(i64::from(number)),
            ..row(Wanted::Kept, Seen::Running, 1)
        });
        let ids =
            |numbers: &[u8]| numbers.iter().map(|number| MachineId::from_random([*number; 16])).collect::<Vec<_>>();
        assert_eq!(overdue(&kept, 3, 100, UnixMillis(50)), []);
        assert_eq!(overdue(&kept, 2, 100, UnixMillis(50)), ids(&[1]));
        assert_eq!(overdue(&kept, 3, 100, UnixMillis(102)), ids(&[2, 1]));
        assert_eq!(overdue(&kept, 0, 100, UnixMillis(50)), ids(&[3, 2, 1]));
    }

    #[test]
    fn a_gone_machine_is_never_made_again() {
        for world in [World::Absent, World::Running, dead()] {
            assert_eq!(next(&row(Wanted::Running, Seen::Gone, 1), &world), Act::Nothing);
        }
    }
}
