//! The reconciler and the driver, after `controller/src/reconciler/owner.rs`: the real [`machine::next`] says what to
//! do with the row, one owner at a time does it, and tells the session first and the row last.

use std::net::Ipv4Addr;

use anteroom_protocol::{MachineId, SessionId, session::SessionState};
use anteroom_session::machine::{self, Act, MachineRow};

use crate::{
    ask::Ask,
    broken::Broken,
    clock::NOW,
    config::Grain,
    model::{SignIn, Step, end_machine},
    state::{Guest, GuestAsk, Message, Owner, Row, SeenName, State, WantedName, World},
};

impl SignIn {
    pub(crate) fn machine_progress(&self, state: &State, steps: &mut Vec<Step>) {
        if self.owner_can_go_on(state) {
            steps.push(Step::Reconciles);
        }
        if state.session.facts.state == SessionState::Queued {
            steps.push(Step::Places);
        }
        if matches!(state.world, World::Making(_)) {
            steps.push(Step::DriverMakes);
        }
        let has_row = state.store.row.is_some_and(|row| row.seen != SeenName::Gone);
        if state.owner == Owner::Idle && state.world != World::Absent && !has_row {
            steps.push(Step::Reclaims);
        }
    }

    fn owner_can_go_on(&self, state: &State) -> bool {
        let Some(row) = &state.store.row else { return false };
        match state.owner {
            Owner::Idle => self.act(row, state.world) != Act::Nothing,
            Owner::Making => row.wanted == WantedName::Gone || !matches!(state.world, World::Making(_) | World::Stuck),
            Owner::Begun
            | Owner::Failed
            | Owner::TellsCreated
            | Owner::WritesRunning
            | Owner::TellsLost
            | Owner::Destroying
            | Owner::TellsGone
            | Owner::WritesGone => true,
        }
    }

    fn act(&self, row: &Row, world: World) -> Act {
        let row = MachineRow {
            id: MachineId::from_random([3; 16]),
            session: Some(SessionId::from_random([1; 16])),
            driver: String::new(),
            address: Ipv4Addr::LOCALHOST,
            wanted: row.wanted.into(),
            seen: row.seen.into(),
            attempts: row.attempts.into(),
            created_at: NOW,
            made_from: String::new(),
        };
        machine::next(&row, &observed(world))
    }

    /// One step of the owner; without fine steps, all that it does without waiting.
    pub(crate) fn reconciles(&self, state: &mut State) {
        self.owner_step(state);
        let waits = |owner| matches!(owner, Owner::Idle | Owner::Making);
        while self.config.grain != Grain::Fine && !waits(state.owner) {
            self.owner_step(state);
        }
        if self.config.grain == Grain::AtOnce && state.owner == Owner::Making {
            self.comes_up(state);
        }
    }

    fn comes_up(&self, state: &mut State) {
        self.driver_makes(state);
        while state.owner != Owner::Idle {
            self.owner_step(state);
        }
        self.decide_now(state, Ask::Spoke);
        state.net.retain(|message| !matches!(message, Message::FromGuest { ask: GuestAsk::Plain(Ask::Spoke), .. }));
        if let Some(guest) = &mut state.guest {
            guest.is_assigned = true;
        }
    }

    fn owner_step(&self, state: &mut State) {
        let Some(mut row) = state.store.row else { return };
        state.owner = match state.owner {
            Owner::Idle => match self.act(&row, state.world) {
                Act::Nothing => Owner::Idle,
                Act::Create => {
                    row.seen = SeenName::Creating;
                    row.attempts += 1;
                    state.store_mut().row = Some(row);
                    Owner::Begun
                }
                Act::TakeUp => Owner::TellsCreated,
                Act::Lost { .. } => Owner::TellsLost,
                Act::Destroy => Owner::Destroying,
            },
            // What an earlier making left is removed first.
            Owner::Begun => {
                end_machine(state, World::Making(row.attempts));
                Owner::Making
            }
            Owner::Making if row.wanted == WantedName::Gone => Owner::Idle,
            Owner::Making => Owner::TellsCreated,
            Owner::Failed => self.tells(state, Ask::NotCreated, Owner::Idle),
            Owner::TellsCreated => self.tells(state, Ask::Created, Owner::WritesRunning),
            Owner::WritesRunning => writes(state, SeenName::Running),
            Owner::TellsLost => self.tells(state, Ask::Lost, Owner::Idle),
            Owner::Destroying => {
                state.history.destroyed_alive |= !state.has_ended();
                if !self.is(Broken::GoneUnproved) {
                    end_machine(state, World::Absent);
                }
                Owner::TellsGone
            }
            Owner::TellsGone => self.tells(state, Ask::Destroyed, Owner::WritesGone),
            Owner::WritesGone => writes(state, SeenName::Gone),
        };
    }

    /// Tells the session; one that has ended has heard enough.
    fn tells(&self, state: &mut State, ask: Ask, then: Owner) -> Owner {
        self.decide_now(state, ask);
        then
    }

    /// The driver is done, whoever waits for it, and the agent asks for its assignment.
    pub(crate) fn driver_makes(&self, state: &mut State) {
        let World::Making(token) = state.world else { return };
        state.world = World::Running(token);
        state.guest = Some(Guest::booted(token));
        state.send(Message::FromGuest { token, ask: GuestAsk::Plain(Ask::Spoke) });
    }
}

fn writes(state: &mut State, seen: SeenName) -> Owner {
    if let Some(row) = &mut state.store_mut().row
        && row.seen != SeenName::Gone
    {
        row.seen = seen;
    }
    Owner::Idle
}

/// What the driver says of its world: a making that is not done yet is there and does not run.
fn observed(world: World) -> machine::World {
    match world {
        World::Absent => machine::World::Absent,
        World::Running(_) => machine::World::Running,
        World::Making(_) | World::Stuck | World::Dead => machine::World::Dead { detail: String::from("seen") },
    }
}
