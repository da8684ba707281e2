//! [`Machined`]: the controller's side, a driver whose calls the helper does.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anteroom_machines::{
    Capabilities, CreateError, Driver, MachineSpec, Observed, OperationError, Reach, Usage, free_memory,
};
use anteroom_protocol::MachineId;
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use tokio::{
    net::UnixStream,
    time::{Instant, timeout},
};

use crate::wire::{self, Hello, MAX_REPLY_BYTES, Reply, Request, VERSION};

/// How long a connection, the request's bytes and the reply to a hello may take on this host.
const DEADLINE: Duration = Duration::from_secs(10);
/// Beyond every deadline of a caller; for those who have none.
const CALL_DEADLINE: Duration = Duration::from_secs(900);
/// How long a helper may be away before a call fails. An init starts it anew within a second or two.
const PATIENCE: Duration = Duration::from_secs(15);
/// The wait for a helper that is away, doubled with each failure.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// The longest of these waits.
const LAST_RETRY: Duration = Duration::from_secs(2);

/// A driver whose calls `anteroom machined` does. Each call is a connection; dropping its future closes it.
#[derive(Clone, Debug)]
pub struct Machined {
    socket: PathBuf,
    name: &'static str,
    hello: Hello,
    patience: Duration,
}

impl Machined {
    /// Asks the helper at `socket` who it is.
    ///
    /// # Errors
    /// Nobody answers there, it is not root's (or this user's own), or it is of another version.
    pub async fn connect(socket: &Path) -> Result<Self, OperationError> {
        let hello = ask::<Hello>(socket, &Request::Hello { version: VERSION }, DEADLINE).await;
        let hello = hello.map_err(|failure| failure.of(socket, None))?;
        // Once for each process.
        let name = String::leak(hello.driver.clone());
        Ok(Self { socket: socket.to_owned(), name, hello, patience: PATIENCE })
    }

    /// A fingerprint of what the helper makes machines from.
    #[must_use]
    pub fn made_from(&self) -> &str {
        &self.hello.made_from
    }

    /// The same, waiting so long for a helper that is away.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// A helper that is started anew is away for a moment, which is no failure of a call: it is made again.
    async fn ask<T: DeserializeOwned>(
        &self,
        request: Request,
        machine: Option<&MachineId>,
    ) -> Result<T, OperationError> {
        let began = Instant::now();
        let mut waits = Waits(FIRST_RETRY);
        loop {
            match ask(&self.socket, &request, CALL_DEADLINE).await {
                Ok(done) => return Ok(done),
                Err(Failure::Away(error)) if began.elapsed() < self.patience => {
                    tracing::debug!(%error, "the helper is away and asked again");
                    waits.next().await;
                }
                Err(failure) => return Err(failure.of(&self.socket, machine)),
            }
        }
    }
}

#[async_trait]
impl Driver for Machined {
    fn name(&self) -> &'static str {
        self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.hello.capabilities.clone()
    }

    // Both are on one host, and everybody may read it.
    fn free_memory(&self) -> Option<u64> {
        free_memory()
    }

    async fn create(&self, spec: &MachineSpec) -> Result<(), CreateError> {
        self.ask::<Result<_, _>>(Request::Create(Box::new(spec.clone())), Some(&spec.id)).await?
    }

    async fn inspect(&self, id: &MachineId) -> Result<Observed, OperationError> {
        self.ask::<Result<_, _>>(Request::Inspect(id.clone()), Some(id)).await?
    }

    async fn destroy(&self, id: &MachineId) -> Result<(), OperationError> {
        self.ask::<Result<_, _>>(Request::Destroy(id.clone()), Some(id)).await?
    }

    async fn list(&self) -> Result<Vec<MachineId>, OperationError> {
        self.ask::<Result<_, _>>(Request::List, None).await?
    }

    /// A helper that is away is no end of a machine: it is asked again until it answers.
    async fn exited(&self, id: &MachineId) -> String {
        let mut waits = Waits(FIRST_RETRY);
        loop {
            match exchange(&self.socket, &Request::Exited(id.clone())).await {
                Ok(Reply::Done(reason)) => return reason,
                Ok(Reply::Refused(why)) => return why,
                Err(error) => tracing::debug!(machine = %id, %error, "the helper is away; its word is waited for"),
            }
            waits.next().await;
        }
    }

    async fn logs(&self, id: &MachineId) -> Result<String, OperationError> {
        self.ask::<Result<_, _>>(Request::Logs(id.clone()), Some(id)).await?
    }

    async fn reach(&self, id: &MachineId, reach: &Reach) -> Result<(), OperationError> {
        self.ask::<Result<_, _>>(Request::Reach(id.clone(), reach.clone()), Some(id)).await?
    }

    async fn usage(&self, id: &MachineId) -> Result<Option<Usage>, OperationError> {
        self.ask::<Result<_, _>>(Request::Usage(id.clone()), Some(id)).await?
    }
}

/// Asks once.
async fn ask<T: DeserializeOwned>(socket: &Path, request: &Request, deadline: Duration) -> Result<T, Failure> {
    let reply = timeout(deadline, exchange(socket, request)).await;
    match reply.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? {
        Reply::Done(done) => Ok(done),
        Reply::Refused(why) => Err(Failure::Refused(why)),
    }
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Nobody answered, or not to the end. Whether it was carried out is not known; every call may be repeated.
    #[error("{0}; start `anteroom machined --for` this user, as root")]
    Away(#[from] io::Error),
    #[error("{0}")]
    Refused(String),
}

impl Failure {
    fn of(self, socket: &Path, machine: Option<&MachineId>) -> OperationError {
        let step = format!("ask machined at {}", socket.display());
        OperationError { step, machine: machine.cloned(), detail: self.to_string() }
    }
}

/// Waits that grow.
struct Waits(Duration);

impl Waits {
    async fn next(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(LAST_RETRY);
    }
}

/// One connection. The reply is waited for as long as the caller does.
async fn exchange<T: DeserializeOwned>(socket: &Path, request: &Request) -> io::Result<Reply<T>> {
    let request = wire::encode(request)?;
    let asked = async {
        let mut stream = UnixStream::connect(socket).await?;
        check_owner(&stream)?;
        let written = wire::write(&mut stream, &request).await;
        Ok::<_, io::Error>((stream, written))
    };
    let (mut stream, written) =
        timeout(DEADLINE, asked).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    // A helper that refuses does not read on, and says why.
    let reply = wire::read(&mut stream, MAX_REPLY_BYTES).await;
    reply.map_err(|error| written.err().unwrap_or(error))
}

/// Requests hold tokens, which are for root's helper; one of this user's own learns nothing new.
fn check_owner(stream: &UnixStream) -> io::Result<()> {
    let helper = stream.peer_cred()?.uid();
    let own = fs::metadata("/proc/self")?.uid();
    if helper == 0 || helper == own {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("user {helper} answers there, who is not root")))
}
