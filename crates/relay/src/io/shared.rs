//! What all tasks of the relay share, and the one place where the engine's outputs are carried out. The engine's lock
//! is held for its decision only, never while something waits.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anteroom_protocol::UnixMillis;
use tokio::{
    net::TcpStream,
    task::{AbortHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};

use super::{
    Counters,
    listen::Listeners,
    outbox::Outbox,
    relayed::{self, RelayAddress, RelayedSocket},
    stream,
    tls::Tls,
    udp::{self, UdpListener},
};
use crate::{
    Config, Limits,
    engine::{AllocationId, Engine, Kind, Now, Output, Path, Via},
    tally::{self, Tally},
};

/// How often the engine looks for what has expired.
const TICK: Duration = Duration::from_secs(1);

/// Shared by all tasks.
pub(super) struct Shared {
    engine: Mutex<Engine>,
    udp: Vec<Arc<UdpListener>>,
    relay_address: RelayAddress,
    limits: Limits,
    started: Instant,
    relayed: Mutex<HashMap<AllocationId, RelayedSocket>>,
    connections: Mutex<Connections>,
    /// None when the relay ends: nothing is started any more.
    tasks: Mutex<Option<JoinSet<()>>>,
    dropped_queue: AtomicU64,
}

struct Connections {
    open: HashMap<u64, Connection>,
    by_client: Tally<IpAddr>,
    next: u64,
    refused: u64,
}

struct Connection {
    client: IpAddr,
    outbox: Arc<Outbox>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked while it held the lock is a bug that was reported; what it guards is whole after each step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "this is the relay's edge: it reads the clock for the engine")]
fn unix_now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Shared {
    pub(super) fn start(config: &Config, engine: Engine, listeners: Listeners, tls: Option<Arc<Tls>>) -> Arc<Self> {
        let shared = Arc::new(Self {
            engine: Mutex::new(engine),
            udp: listeners.udp.into_iter().map(Arc::new).collect(),
            relay_address: RelayAddress { address: config.relay_address, ports: config.relay_ports },
            limits: config.limits,
            started: Instant::now(),
            relayed: Mutex::new(HashMap::new()),
            connections: Mutex::new(Connections { open: HashMap::new(), by_client: Tally::new(), next: 0, refused: 0 }),
            tasks: Mutex::new(Some(JoinSet::new())),
            dropped_queue: AtomicU64::new(0),
        });
        for number in 0..shared.udp.len() {
            let number = u16::try_from(number).expect("a few listeners");
            shared.spawn(udp::serve(shared.clone(), number));
        }
        for listener in listeners.tcp {
            shared.spawn(stream::accept(shared.clone(), listener, None));
        }
        for listener in listeners.tls {
            shared.spawn(stream::accept(shared.clone(), listener, tls.clone()));
        }
        shared.spawn(tick(shared.clone()));
        shared
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Option<AbortHandle> {
        lock(&self.tasks).as_mut().map(|tasks| tasks.spawn(task))
    }

    pub(super) fn abort(&self) {
        drop(lock(&self.tasks).take());
        lock(&self.relayed).clear();
    }

    pub(super) async fn end(&self) {
        let tasks = lock(&self.tasks).take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
        lock(&self.relayed).clear();
    }

    fn now(&self) -> Now {
        Now { elapsed: self.started.elapsed(), unix: unix_now() }
    }

    /// Asks the engine, and does what it says, and what it says to that.
    fn carry_out(self: &Arc<Self>, decide: impl FnOnce(&mut Engine, Now) -> Vec<Output>) {
        let mut outputs = VecDeque::from(decide(&mut lock(&self.engine), self.now()));
        while let Some(output) = outputs.pop_front() {
            match output {
                Output::ToClient { path, bytes, kind } => self.to_client(&path, bytes, kind),
                Output::ToPeer { allocation, peer, bytes } => self.to_peer(allocation, peer, &bytes),
                Output::Open { allocation, even } => {
                    let address = self.open(allocation, even);
                    outputs.extend(lock(&self.engine).opened(allocation, address));
                }
                Output::Close(id) => self.close(id),
                Output::HangUp(path) => self.outbox(&path).close(),
            }
        }
    }

    pub(super) fn from_client(self: &Arc<Self>, path: Path, bytes: &[u8]) {
        self.carry_out(|engine, now| engine.from_client(path, bytes, now));
    }

    pub(super) fn from_peer(self: &Arc<Self>, id: AllocationId, peer: SocketAddr, bytes: &[u8]) {
        self.carry_out(|engine, now| engine.from_peer(id, peer, bytes, now));
    }

    pub(super) fn failed(self: &Arc<Self>, id: AllocationId) {
        self.carry_out(|engine, _| engine.failed(id));
    }

    pub(super) fn has_allocation(&self, path: &Path) -> bool {
        lock(&self.engine).has_allocation(path)
    }

    fn to_client(&self, path: &Path, bytes: Vec<u8>, kind: Kind) {
        let sent = match path.via {
            Via::Udp(number) => self.udp(number).send(path, &bytes).is_ok(),
            Via::Stream(_) => self.outbox(path).push(bytes, kind),
        };
        if !sent {
            self.dropped_queue.fetch_add(1, Relaxed);
        }
    }

    fn to_peer(&self, id: AllocationId, peer: SocketAddr, bytes: &[u8]) {
        let socket = lock(&self.relayed).get(&id).map(|relayed| relayed.socket.clone());
        if socket.is_none_or(|socket| socket.try_send_to(bytes, peer).is_err()) {
            self.dropped_queue.fetch_add(1, Relaxed);
        }
    }

    fn open(self: &Arc<Self>, id: AllocationId, even: bool) -> Option<SocketAddr> {
        let opened = self.relay_address.open(even).and_then(|socket| Ok((socket.local_addr()?, Arc::new(socket))));
        let (address, socket) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                tracing::warn!(address = %self.relay_address.address, %error, "the relay can't open a socket there");
                return None;
            }
        };
        let mut relayed = lock(&self.relayed);
        let task = self.spawn(relayed::serve(self.clone(), id, socket.clone()))?;
        relayed.insert(id, RelayedSocket { socket, task });
        Some(address)
    }

    fn close(&self, id: AllocationId) {
        if let Some(relayed) = lock(&self.relayed).remove(&id) {
            relayed.task.abort();
        }
    }

    pub(super) fn udp(&self, number: u16) -> Arc<UdpListener> {
        self.udp[usize::from(number)].clone()
    }

    /// Takes a connection, or closes it when there are too many.
    pub(super) fn connected(self: &Arc<Self>, stream: TcpStream, client: SocketAddr, tls: Option<Arc<Tls>>) {
        let mut connections = lock(&self.connections);
        let counted = tally::client(client.ip());
        if connections.open.len() >= self.limits.connections
            || connections.by_client.of(&counted) >= self.limits.connections_per_client
        {
            connections.refused += 1;
            return;
        }
        let id = connections.next;
        connections.next += 1;
        connections.by_client.add(counted);
        connections.open.insert(id, Connection { client: counted, outbox: Arc::new(Outbox::default()) });
        drop(connections);
        self.spawn(stream::serve(self.clone(), id, stream, client, tls));
    }

    /// A connection's queue. One that has ended meanwhile gets one that nobody reads.
    pub(super) fn outbox(&self, path: &Path) -> Arc<Outbox> {
        let Via::Stream(id) = path.via else { return Arc::default() };
        lock(&self.connections).open.get(&id).map(|connection| connection.outbox.clone()).unwrap_or_default()
    }

    pub(super) fn lost(self: &Arc<Self>, path: &Path) {
        if let Via::Stream(id) = path.via {
            let mut connections = lock(&self.connections);
            if let Some(connection) = connections.open.remove(&id) {
                connections.by_client.remove(&connection.client);
            }
        }
        self.carry_out(|engine, _| engine.lost(path));
    }

    pub(super) fn counters(&self) -> Counters {
        let connections = lock(&self.connections);
        Counters {
            stats: lock(&self.engine).stats(),
            connections: connections.open.len() as u64,
            refused_connections: connections.refused,
            dropped_queue: self.dropped_queue.load(Relaxed),
        }
    }

    /// Forgets tasks that have ended.
    fn reap(&self) {
        if let Some(tasks) = lock(&self.tasks).as_mut() {
            while tasks.try_join_next().is_some() {}
        }
    }
}

async fn tick(shared: Arc<Shared>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        shared.carry_out(Engine::tick);
        shared.reap();
    }
}
