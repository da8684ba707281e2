//! The worlds that are explored.

use crate::{
    config::{Act, Config, Fault, Grain},
    state::Exit,
};

const ONE: Config = Config {
    name: "",
    is_split: false,
    grain: Grain::Waits,
    names_epoch: true,
    reports_path: false,
    is_full: false,
    candidates: 0,
    faults: 0,
    fault_kinds: &[],
    acts: 0,
    act_kinds: &[],
    exits: &[Exit::Whole],
};

/// Those of `make model`.
pub(crate) fn all() -> Vec<Config> {
    vec![
        Config {
            name: "one page",
            reports_path: true,
            faults: 2,
            fault_kinds: &[Fault::Lose, Fault::Double, Fault::Crash, Fault::Hang, Fault::Impatient, Fault::PictureLost],
            acts: 1,
            act_kinds: &[Act::Reload],
            ..ONE
        },
        Config {
            name: "two pages",
            grain: Grain::AtOnce,
            faults: 1,
            fault_kinds: &[Fault::Lose, Fault::Double, Fault::Impatient, Fault::PictureLost],
            acts: 2,
            act_kinds: &[Act::Open, Act::Reload, Act::TakeBack, Act::Close],
            ..ONE
        },
        Config {
            name: "left out",
            grain: Grain::AtOnce,
            names_epoch: false,
            faults: 1,
            fault_kinds: &[Fault::Double, Fault::PictureLost],
            acts: 2,
            act_kinds: &[Act::Open, Act::Reload],
            ..ONE
        },
        Config {
            name: "candidates",
            grain: Grain::AtOnce,
            candidates: 2,
            faults: 1,
            fault_kinds: &[Fault::Lose, Fault::Double, Fault::Crash],
            acts: 1,
            act_kinds: &[Act::Reload],
            ..ONE
        },
        Config {
            name: "races",
            grain: Grain::AtOnce,
            is_split: true,
            candidates: 1,
            faults: 1,
            fault_kinds: &[Fault::Lose, Fault::Double, Fault::Crash],
            acts: 1,
            act_kinds: &[Act::Open, Act::Reload, Act::Cancel],
            ..ONE
        },
        Config {
            name: "machine",
            reports_path: true,
            grain: Grain::Fine,
            faults: 3,
            fault_kinds: &[Fault::Crash, Fault::MachineDies, Fault::DriverFails, Fault::DriverSticks, Fault::Late],
            acts: 1,
            act_kinds: &[Act::Cancel],
            ..ONE
        },
        Config {
            name: "queue",
            grain: Grain::AtOnce,
            is_full: true,
            faults: 2,
            fault_kinds: &[Fault::Lose, Fault::Double, Fault::Crash, Fault::Late],
            acts: 1,
            act_kinds: &[Act::Open, Act::Reload, Act::Cancel],
            ..ONE
        },
        Config {
            name: "saving",
            reports_path: true,
            faults: 2,
            fault_kinds: &[Fault::Lose, Fault::Double, Fault::Crash, Fault::MachineDies, Fault::Late],
            acts: 2,
            act_kinds: &[Act::Cancel, Act::Exit],
            exits: &[Exit::Whole, Exit::Broken, Exit::Nothing, Exit::Bad],
            ..ONE
        },
    ]
}
