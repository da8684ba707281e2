//! What is explored: small worlds, each with its own faults, so that all of each can be gone through. A fault or an act
//! may come at any moment; their numbers are the bounds.

use crate::state::Exit;

/// What goes wrong. Each costs one of [`Config::faults`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A request or a reply never arrives.
    Lose,
    /// One arrives twice, the second time at any later moment.
    Double,
    /// The controller is killed and started again.
    Crash,
    /// The machine ends by itself.
    MachineDies,
    /// The driver can't make the machine.
    DriverFails,
    /// The driver never comes back.
    DriverSticks,
    /// The path is there and DTLS never comes up.
    Hang,
    /// A page's time for a stage is over though it goes on.
    Impatient,
    /// A page's connection breaks.
    PictureLost,
    /// A deadline of the session passes though the other party is on its way.
    Late,
}

/// What a person does. Each costs one of [`Config::acts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Opens the session in a page that is not open.
    Open,
    /// Reloads a page.
    Reload,
    /// Takes the desktop back.
    TakeBack,
    /// Closes a page.
    Close,
    /// Cancels.
    Cancel,
    /// Ends the CLI before anything has settled.
    Exit,
}

/// How much of the reconciler's work is one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grain {
    /// Each of its steps stands alone.
    Fine,
    /// Only its waits do.
    Waits,
    /// A machine comes up, its agent's first word included, in one step; for worlds that look at what comes after.
    AtOnce,
}

/// One small world.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) name: &'static str,
    /// Whether loading and committing are two steps, of two requests at a time; else each request is one step.
    pub(crate) is_split: bool,
    /// How finely the making and the destroying of the machine are looked at.
    pub(crate) grain: Grain,
    /// Whether a person's act names the newest epoch, too; else it leaves that out and takes the desktop whatever was.
    pub(crate) names_epoch: bool,
    /// Whether a page reports its path, too; else only its first frame.
    pub(crate) reports_path: bool,
    /// Whether all places for machines are taken when the first offer comes; one becomes free at any moment after it.
    pub(crate) is_full: bool,
    /// Candidates of each side; from two on the last one is the end marker.
    pub(crate) candidates: u8,
    pub(crate) faults: u8,
    pub(crate) fault_kinds: &'static [Fault],
    pub(crate) acts: u8,
    pub(crate) act_kinds: &'static [Act],
    /// How the CLI may end.
    pub(crate) exits: &'static [Exit],
}
