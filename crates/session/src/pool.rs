//! What to do about machines that wait for sessions. Pure: the reconciler asks after each change, and carries it out.
//!
//! A pooled machine is generic: it knows no person and no provider, and becomes a session's in the transaction that
//! stores the session's first offer (invariant offer-first). It is never pooled again.

use std::collections::BTreeSet;

use anteroom_protocol::MachineId;

use crate::machine::{MachineRow, Seen, Wanted};

/// What is wanted of the pool.
#[derive(Clone, Copy, Debug)]
pub struct Goal<'a> {
    /// Machines that wait.
    pub size: u32,
    /// What a machine that is made now is made from.
    pub made_from: &'a str,
    /// Those whose agents have not asked for too long what they are for.
    pub silent: &'a BTreeSet<MachineId>,
    /// Whether the host has memory for one more. When it has not, the pool is emptied: memory is for those who work.
    pub has_memory: bool,
}

/// A step towards it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// One more machine is to be made.
    Plan,
    /// This one is not to wait any longer.
    Retire(MachineId),
}

/// The steps that are due, with all rows of one driver that are not gone, in the order in which they were planned. At
/// most one machine is made at a time, and none while a session waits for its own.
#[must_use]
pub fn moves(rows: &[MachineRow], goal: &Goal<'_>) -> Vec<Move> {
    let pooled = rows.iter().filter(|row| row.session.is_none() && row.wanted == Wanted::Running);
    let is_fit = |row: &&MachineRow| row.made_from == goal.made_from && !goal.silent.contains(&row.id);
    let (fit, unfit): (Vec<_>, Vec<_>) = pooled.partition(is_fit);
    let kept = if goal.has_memory { goal.size as usize } else { 0 };
    // The oldest are ready, or nearest to it.
    let surplus = fit.iter().skip(kept).copied();
    let mut moves: Vec<_> = unfit.into_iter().chain(surplus).map(|row| Move::Retire(row.id.clone())).collect();
    if fit.len() < kept && !rows.iter().any(is_being_made) {
        moves.push(Move::Plan);
    }
    moves
}

fn is_being_made(row: &MachineRow) -> bool {
    row.wanted == Wanted::Running && matches!(row.seen, Seen::Planned | Seen::Creating)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use anteroom_protocol::{SessionId, UnixMillis};

    use super::*;

    const GOAL: Goal<'_> = Goal { size: 2, made_from: "new", silent: &BTreeSet::new(), has_memory: true };

    fn pooled(number: u8, seen: Seen, made_from: &str) -> MachineRow {
        MachineRow {
            id: id(number),
            session: None,
            driver: "fake".into(),
            address: Ipv4Addr::new(10, 87, 0, number),
            wanted: Wanted::Running,
            seen,
            attempts: 1,
            created_at: UnixMillis(0),
            made_from: made_from.into(),
        }
    }

    fn bound(number: u8, seen: Seen) -> MachineRow {
        MachineRow { session: Some(SessionId::from_random([number; 16])), ..pooled(number, seen, "new") }
    }

    fn id(number: u8) -> MachineId {
        MachineId::from_random([number; 16])
    }

    #[test]
    fn the_pool_is_filled_one_machine_at_a_time() {
        for (rows, due) in [
            (vec![], vec![Move::Plan]),
            (vec![pooled(1, Seen::Planned, "new")], vec![]),
            (vec![pooled(1, Seen::Creating, "new")], vec![]),
            (vec![pooled(1, Seen::Running, "new")], vec![Move::Plan]),
            (vec![pooled(1, Seen::Running, "new"), pooled(2, Seen::Running, "new")], vec![]),
        ] {
            assert_eq!(moves(&rows, &GOAL), due, "{rows:?}");
        }
    }

    #[test]
    fn a_session_that_waits_for_its_machine_goes_first() {
        assert_eq!(moves(&[bound(1, Seen::Creating)], &GOAL), []);
        assert_eq!(moves(&[bound(1, Seen::Running)], &GOAL), [Move::Plan]);
        let going = MachineRow { wanted: Wanted::Gone, ..bound(1, Seen::Creating) };
        assert_eq!(moves(&[going], &GOAL), [Move::Plan], "one that is being destroyed is nobody's");
    }

    #[test]
    fn what_is_made_from_something_else_is_replaced_and_what_is_bound_is_left_alone() {
        let rows = [pooled(1, Seen::Running, "old"), MachineRow { made_from: "old".into(), ..bound(2, Seen::Running) }];
        assert_eq!(moves(&rows, &GOAL), [Move::Retire(id(1)), Move::Plan]);
    }

    #[test]
    fn the_youngest_go_when_there_are_more_than_wanted_and_all_when_memory_is_short() {
        let rows = [1, 2, 3].map(|number| pooled(number, Seen::Running, "new"));
        assert_eq!(moves(&rows, &GOAL), [Move::Retire(id(3))]);
        let short = Goal { has_memory: false, ..GOAL };
        assert_eq!(moves(&rows, &short), [1, 2, 3].map(|number| Move::Retire(id(number))));
        assert_eq!(moves(&[], &short), []);
    }

    #[test]
    fn one_that_is_silent_is_replaced() {
        let rows = [pooled(1, Seen::Running, "new"), pooled(2, Seen::Running, "new")];
        let silent = BTreeSet::from([id(1)]);
        assert_eq!(moves(&rows, &Goal { silent: &silent, ..GOAL }), [Move::Retire(id(1)), Move::Plan]);
    }

    #[test]
    fn one_that_is_retired_is_not_retired_again() {
        let going = MachineRow { wanted: Wanted::Gone, ..pooled(1, Seen::Running, "old") };
        assert_eq!(moves(&[going], &Goal { size: 0, ..GOAL }), []);
    }
}
