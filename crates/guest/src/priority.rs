//! Who goes first on a busy processor. Where the agent was started above other programs, as in a virtual machine, the
//! programs that it shows are not: a browser that starts would hold up the picture of its start.

use std::io;

use rustix::process::{getpriority_process, setpriority_process};
use tokio::process::Command;

/// The priority that programs have unless somebody decides otherwise.
const ORDINARY: i32 = 0;

/// Has a program run as if the agent had never been above it.
pub(crate) fn ordinary(command: &mut Command) {
    // SAFETY: between fork and exec only two system calls run, which are async-signal-safe.
    unsafe {
        command.pre_exec(give_up);
    }
}

/// To give something up needs no power; what is below the ordinary priority stays there.
fn give_up() -> io::Result<()> {
    if getpriority_process(None)? < ORDINARY {
        setpriority_process(None, ORDINARY)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The priority of a program that is started by one of this priority.
    fn of_a_child(priority: i32) -> String {
        // A thread has a priority of its own, which those that it starts have too.
        std::thread::scope(|scope| {
            let child = scope.spawn(|| {
                setpriority_process(None, priority).expect("root may");
                let mut command = Command::new("nice");
                ordinary(&mut command);
                String::from_utf8(command.as_std_mut().output().unwrap().stdout).unwrap()
            });
            child.join().unwrap().trim().to_owned()
        })
    }

    #[test]
    fn programs_are_never_above_the_ordinary_and_stay_below_it() {
        assert_eq!(of_a_child(5), "5");
        assert_eq!(of_a_child(0), "0");
        assert_eq!(of_a_child(-5), "0");
    }
}
