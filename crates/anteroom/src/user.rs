//! Users of this host: who a controller runs as, and becoming that user before anything is read. One right of root's is
//! kept: to listen on ports below 1024, where relays are that the strictest networks let through.

use std::{
    ffi::{CStr, CString, OsStr},
    io,
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
};

use rustix::{
    process::geteuid,
    thread::{
        CapabilitySet, CapabilitySets, Gid, Uid, capabilities, set_capabilities, set_keep_capabilities,
        set_no_new_privs, set_thread_res_gid, set_thread_res_uid,
    },
};

/// One user, as the host's user database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    gid: u32,
    name: CString,
    home: PathBuf,
}

/// Why somebody can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    /// The database has no such user.
    #[error("there is no user {0} on this host; `useradd --system --create-home {0}` makes one")]
    Unknown(String),
    /// Root is no ordinary user.
    #[error("the user {0} is root: the controller runs as somebody who may do less")]
    Root(String),
    /// A step failed.
    #[error("becoming the user {name}: {source}")]
    Become {
        /// Who.
        name: String,
        /// What was said.
        #[source]
        source: io::Error,
    },
}

/// Whether this may make machines itself.
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

impl User {
    /// The user of that name.
    ///
    /// # Errors
    /// There is none, or it is root.
    ///
    /// # Safety
    /// No other thread may run: the database's answer lies in memory that is shared (getpwnam(3)).
    pub(crate) unsafe fn named(name: &str) -> Result<Self, UserError> {
        let unknown = || UserError::Unknown(name.to_owned());
        let asked = CString::new(name).map_err(|_| unknown())?;
        // SAFETY: the name ends with NUL, and the caller vouches for the rest.
        let entry = unsafe { libc::getpwnam(asked.as_ptr()).as_ref() }.ok_or_else(unknown)?;
        // SAFETY: an entry's directory is a string that ends with NUL.
        let home = unsafe { CStr::from_ptr(entry.pw_dir) };
        if entry.pw_uid == 0 {
            return Err(UserError::Root(name.to_owned()));
        }
        let home = PathBuf::from(OsStr::from_bytes(home.to_bytes()));
        Ok(Self { uid: entry.pw_uid, gid: entry.pw_gid, name: asked, home })
    }

    /// Becomes this user for good, with their groups and their home, and with no way back. Whoever is that user already
    /// may call it too.
    ///
    /// # Errors
    /// The host refuses: only root may become another user.
    ///
    /// # Safety
    /// No other thread may run: the kernel keeps a user for each of them, and the environment is one for all.
    pub(crate) unsafe fn become_for_good(&self) -> Result<(), UserError> {
        if geteuid() == Uid::from_raw(self.uid) {
            return Ok(());
        }
        let failed = |source| UserError::Become { name: self.name.to_string_lossy().into_owned(), source };
        // SAFETY: the name ends with NUL.
        if unsafe { libc::initgroups(self.name.as_ptr(), self.gid) } != 0 {
            return Err(failed(io::Error::last_os_error()));
        }
        self.drop_rights().map_err(|error| failed(error.into()))?;
        // SAFETY: the caller vouches that no other thread runs.
        unsafe {
            std::env::set_var("HOME", &self.home);
            std::env::remove_var("XDG_CACHE_HOME");
        }
        Ok(())
    }

    fn drop_rights(&self) -> rustix::io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let kept = capabilities(None)?.permitted & CapabilitySet::NET_BIND_SERVICE;
        set_keep_capabilities(true)?;
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        set_capabilities(
            None,
            CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() },
        )?;
        set_keep_capabilities(false)?;
        set_no_new_privs(true)
    }
}
