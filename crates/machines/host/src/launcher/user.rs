//! Who the machine's programs are: a host user that owns nothing else, seen as user 1000 in a user namespace that
//! knows no other, without capabilities and without a way to gain any.

use std::fs;

use anteroom_machines::GUEST_UID;
use rustix::{
    process::{DumpableBehavior, Gid, Resource, Rlimit, Uid, set_dumpable_behavior, setrlimit},
    thread::{
        CapabilitySet, CapabilitySets, UnshareFlags, clear_ambient_capability_set, remove_capability_from_bounding_set,
        set_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

use super::{Failure, Step as _};

/// The number of the last capability that Linux has a place for.
const MAX_CAPABILITY: u32 = 63;

/// Becomes the machine's user on the host, without capabilities. For init, which keeps nothing to lose.
///
/// # Errors
/// The kernel refuses a step; this needs root.
pub fn become_user(uid: u32) -> Result<(), Failure> {
    let step = || format!("become user {uid}");
    no_core_dumps()?;
    empty_bounding_set()?;
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
    set_thread_groups(&[]).step(step)?;
    set_thread_res_gid(group, group, group).step(step)?;
    set_thread_res_uid(user, user, user).step(step)?;
    set_no_new_privs(true).step(|| "give up new privileges".to_owned())
}

/// Becomes user 1000 of a user namespace that has no other. For the agent and what it starts.
///
/// # Errors
/// The kernel refuses a step; this needs root.
pub fn become_guest(uid: u32) -> Result<(), Failure> {
    become_user(uid)?;
    // Otherwise the maps belong to root, because the user was changed.
    set_dumpable_behavior(DumpableBehavior::Dumpable).step(|| "own the maps of the user namespace".to_owned())?;
    // SAFETY: this shares no file descriptors with another thread; there is none.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER) }
        .step(|| "make a user namespace; if user.max_user_namespaces is 0, allow some".to_owned())?;
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{GUEST_UID} {uid} 1")),
        ("gid_map", format!("{GUEST_UID} {uid} 1")),
    ] {
        fs::write(format!("/proc/self/{file}"), text).step(|| format!("write {file}"))?;
    }
    // The new namespace began with all of its capabilities.
    empty_bounding_set()?;
    keep_capabilities(CapabilitySet::empty())
}

/// Stays root, which owns the machine's directory, without its powers but these. For the monitor.
///
/// # Errors
/// The kernel refuses a step; this needs root.
pub fn renounce_powers(keep: CapabilitySet) -> Result<(), Failure> {
    no_core_dumps()?;
    set_no_new_privs(true).step(|| "give up new privileges".to_owned())?;
    empty_bounding_set()?;
    keep_capabilities(keep)
}

fn keep_capabilities(keep: CapabilitySet) -> Result<(), Failure> {
    clear_ambient_capability_set().step(|| "drop ambient capabilities".to_owned())?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: keep, permitted: keep, inheritable: none })
        .step(|| "drop capabilities".to_owned())
}

fn empty_bounding_set() -> Result<(), Failure> {
    for number in 0..=MAX_CAPABILITY {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            // The kernel has no capability of this number, and none above.
            Err(rustix::io::Errno::INVAL) => break,
            other => other.step(|| "empty the bounding set".to_owned())?,
        }
    }
    Ok(())
}

/// A crashed program's memory may hold tokens.
fn no_core_dumps() -> Result<(), Failure> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).step(|| "forbid core dumps".to_owned())
}
