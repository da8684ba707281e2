//! A helper over a world in memory, on a socket of its own. Of the tests that use it, each uses a part.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use anteroom_machined::{Machined, Policy, Server, Socket};
use anteroom_machines::{
    Additions, Driver, Limits, MachineSpec,
    fake::World,
    suite::{Check, Host},
};
use anteroom_protocol::{
    MachineId,
    guest::{Boot, DesktopSize, MediaEngine},
};
use async_trait::async_trait;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

pub(crate) const LIMITS: Limits = Limits { memory_mb: 512, pids: 128, cpu_percent: 100, disk_mb: 64 };

pub(crate) struct Lab {
    pub(crate) world: World,
    directory: TempDir,
    next: AtomicU8,
    client: Option<Machined>,
}

/// A helper that runs until it is dropped or stopped.
pub(crate) struct Helper {
    stop: Option<oneshot::Sender<()>>,
    runs: JoinHandle<()>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self {
            world: World::default(),
            directory: tempfile::tempdir().expect("a directory can be made"),
            next: AtomicU8::new(2),
            client: None,
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("machined.sock")
    }

    /// For this user, with room for two machines.
    pub(crate) fn helper(&self) -> Helper {
        self.helper_for(own_uid(), 2)
    }

    pub(crate) fn helper_for(&self, client: u32, max_machines: u32) -> Helper {
        let socket = Socket::bind(&self.socket(), client).expect("the socket can be bound");
        let policy = Policy { client, max_machines, limits: LIMITS };
        let server = Server::new(Arc::new(self.world.driver()), policy, "of clay".to_owned());
        let (stop, stopped) = oneshot::channel::<()>();
        let runs = tokio::spawn(server.run(socket, async move {
            let _ = stopped.await;
        }));
        Helper { stop: Some(stop), runs }
    }

    /// A controller that waits for nobody.
    pub(crate) async fn connect(&self) -> Machined {
        Machined::connect(&self.socket()).await.expect("the helper answers").with_patience(Duration::ZERO)
    }
}

impl Helper {
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        (&mut self.runs).await.expect("the helper ends well");
    }
}

#[async_trait]
impl Host for Lab {
    fn driver(&self) -> Box<dyn Driver> {
        Box::new(self.client.clone().expect("the lab is connected"))
    }

    fn spec(&self) -> MachineSpec {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let address = Ipv4Addr::new(10, 87, 0, number);
        MachineSpec {
            id: MachineId::from_random([number; 16]),
            address,
            boot: Boot {
                controller_url: "http://10.87.0.1:4001".into(),
                token: String::from("the machine's token").into(),
                address: IpAddr::V4(address),
                desktop: DesktopSize { width: 1280, height: 720 },
                environment: vec![],
                engine: MediaEngine::Str0m,
            },
            limits: LIMITS,
            additions: Additions::default(),
        }
    }

    async fn end_agent(&self, id: &MachineId) {
        self.world.end(id, "the agent was ended by the test");
    }

    async fn litter(&self, spec: &MachineSpec) {
        self.world.litter(spec);
    }

    fn remains(&self, id: &MachineId) -> Vec<String> {
        self.world.everything().iter().filter(|spec| spec.id == *id).map(|_| "an entry".to_owned()).collect()
    }
}

pub(crate) fn own_uid() -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").expect("/proc is mounted").uid()
}

pub(crate) fn run(check: Check) {
    on_runtime(async {
        let mut lab = Lab::new();
        let helper = lab.helper();
        lab.client = Some(lab.connect().await);
        check(&lab).await;
        helper.stop().await;
    });
}

pub(crate) fn on_runtime(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test);
}
