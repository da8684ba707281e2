//! [`Server`]: the helper's side. It looks who asks, reads one request, and does the driver's call.

use std::{
    collections::HashSet,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anteroom_machines::{CreateError, Driver, MachineSpec, OperationError};
use anteroom_protocol::MachineId;
use serde::Serialize;
use tokio::{
    io::AsyncReadExt as _,
    net::{UnixStream, unix::ReadHalf},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use zeroize::Zeroizing;

use crate::{
    Socket,
    policy::Policy,
    wire::{self, Hello, MAX_REQUEST_BYTES, Reply, Request, VERSION},
};

/// How long a request's bytes, or a reply's, may take on this host.
const MESSAGE_DEADLINE: Duration = Duration::from_secs(10);
/// The wait of a controller for each machine's end is a connection; the rest is room.
const MAX_CONNECTIONS: usize = 4096;
/// After a connection that could not be taken: there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Does the calls of one driver for whom the policy admits.
pub struct Server {
    driver: Arc<dyn Driver>,
    policy: Policy,
    made_from: String,
    making: Mutex<HashSet<MachineId>>,
    connections: Arc<Semaphore>,
}

impl Server {
    /// A server for `driver`, which makes machines from what `made_from` is the fingerprint of.
    #[must_use]
    pub fn new(driver: Arc<dyn Driver>, policy: Policy, made_from: String) -> Arc<Self> {
        let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        Arc::new(Self { driver, policy, made_from, making: Mutex::default(), connections })
    }

    /// Serves until `stopped`. Calls that are at work then are dropped, as when their controller had gone.
    pub async fn run(self: Arc<Self>, socket: Socket, stopped: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => return,
                accepted = socket.listener.accept() => match accepted {
                    Ok((stream, _)) => self.clone().take(&mut connections, stream),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be taken");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    /// One that is too many is closed; the controller tries again.
    fn take(self: Arc<Self>, connections: &mut JoinSet<()>, stream: UnixStream) {
        let Ok(permit) = self.connections.clone().try_acquire_owned() else {
            tracing::warn!("there are {MAX_CONNECTIONS} connections; one more is closed");
            return;
        };
        connections.spawn(async move {
            let _permit = permit;
            if let Err(error) = self.serve(stream).await {
                tracing::warn!(%error, "a connection of the controller's ended early");
            }
        });
    }

    async fn serve(&self, mut stream: UnixStream) -> io::Result<()> {
        let user = stream.peer_cred()?.uid();
        if !self.policy.may_ask(user) {
            tracing::warn!(user, "a user who may not ask for machines was refused");
            let refused = refused(format!("user {user} may not ask for machines; `machined --for` says who may"))?;
            return timeout(MESSAGE_DEADLINE, wire::write(&mut stream, &refused)).await?;
        }
        let request = timeout(MESSAGE_DEADLINE, wire::read(&mut stream, MAX_REQUEST_BYTES)).await?;
        let (mut from, mut to) = stream.split();
        let reply = match request {
            Ok(request) => tokio::select! {
                reply = self.carry_out(request) => reply?,
                () = gone(&mut from) => return Ok(()),
            },
            Err(error) if error.kind() == io::ErrorKind::InvalidData => refused(error.to_string())?,
            Err(error) => return Err(error),
        };
        timeout(MESSAGE_DEADLINE, wire::write(&mut to, &reply)).await?
    }

    async fn carry_out(&self, request: Request) -> io::Result<Zeroizing<Vec<u8>>> {
        match request {
            Request::Hello { version: VERSION } => done(self.hello()),
            Request::Hello { version } => refused(format!(
                "machined speaks version {VERSION} and the controller {version}: restart both from the same program"
            )),
            Request::Create(spec) => done(self.create(&spec).await),
            Request::Inspect(id) => done(self.driver.inspect(&id).await),
            Request::Destroy(id) => done(self.driver.destroy(&id).await),
            Request::List => done(self.driver.list().await),
            Request::Exited(id) => done(self.driver.exited(&id).await),
            Request::Logs(id) => done(self.driver.logs(&id).await),
            Request::Usage(id) => done(self.driver.usage(&id).await),
            Request::Reach(id, reach) => done(self.driver.reach(&id, &reach).await),
        }
    }

    fn hello(&self) -> Hello {
        Hello {
            version: VERSION,
            driver: self.driver.name().to_owned(),
            capabilities: self.driver.capabilities(),
            made_from: self.made_from.clone(),
        }
    }

    async fn create(&self, spec: &MachineSpec) -> Result<(), CreateError> {
        let Some(_making) = Making::begin(&self.making, &spec.id) else {
            return Err(CreateError::Failed(OperationError {
                step: "make the machine".to_owned(),
                machine: Some(spec.id.clone()),
                detail: "it is being made for somebody else; ask again".to_owned(),
            }));
        };
        // In this order: one that is made in between is among both.
        let mut all = self.making.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.extend(self.driver.list().await?);
        all.remove(&spec.id);
        self.policy.check(spec, all.len())?;
        self.driver.create(spec).await
    }
}

fn done(with: impl Serialize) -> io::Result<Zeroizing<Vec<u8>>> {
    wire::encode(&Reply::Done(with))
}

fn refused(why: String) -> io::Result<Zeroizing<Vec<u8>>> {
    wire::encode(&Reply::<()>::Refused(why))
}

/// A machine that is being made.
struct Making<'a> {
    all: &'a Mutex<HashSet<MachineId>>,
    id: &'a MachineId,
}

impl<'a> Making<'a> {
    fn begin(all: &'a Mutex<HashSet<MachineId>>, id: &'a MachineId) -> Option<Self> {
        all.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone()).then_some(Self { all, id })
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(self.id);
    }
}

/// Waits until the controller has closed its side. It says nothing after its request, and if it did, that is no better.
async fn gone(from: &mut ReadHalf<'_>) {
    let _ = from.read_u8().await;
}
