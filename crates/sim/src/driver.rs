//! The controller's way to the fake driver: calls that take time and fail in every way that the fake knows. Each act is
//! looked at before it is done.

use std::sync::Arc;

use anteroom_machines::{
    Capabilities, CreateError, Driver, MachineSpec, Observed, OperationError, Reach, Usage,
    fake::{Call, FakeDriver, Fault},
};
use anteroom_protocol::MachineId;
use async_trait::async_trait;

use crate::{scene::Scene, server::Life};

pub(crate) struct Hands {
    pub(crate) inner: FakeDriver,
    pub(crate) scene: Arc<Scene>,
    pub(crate) life: Life,
}

impl Hands {
    /// Time, and perhaps a fault for the call that follows at once.
    async fn before(&self, call: Call, longest_ms: u64) {
        self.life.dwell(&self.scene, "driver").await;
        self.scene.sleep(0..=longest_ms).await;
        if self.scene.dice.chance(self.scene.weather().driver_fails) {
            let faults = [(4, Fault::Fails), (4, Fault::FailsHalfway), (4, Fault::FailsAfterwards), (1, Fault::Hangs)];
            let fault = self.scene.dice.weighted(&faults);
            self.scene.say("driver", format!("{call:?}: {fault:?}"));
            self.scene.referee.count("driver faults");
            self.scene.world.plan(call, fault);
        }
    }

    async fn after<T>(&self, value: T) -> T {
        self.life.dwell(&self.scene, "driver").await;
        value
    }

    /// How long a creation takes: a sandbox's, a virtual machine's, or longer than anybody waits.
    fn creation_ms(&self) -> u64 {
        if self.scene.dice.chance(self.scene.weather().driver_fails / 4) {
            90_000
        } else {
            self.scene.dice.pick(&[50, 300, 3000])
        }
    }
}

#[async_trait]
impl Driver for Hands {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn create(&self, spec: &MachineSpec) -> Result<(), CreateError> {
        self.scene.say("driver", format!("create {}", spec.id));
        self.scene.creates(spec);
        if self.scene.dice.chance(3000) {
            // What is interrupted from here on leaves a half machine.
            self.scene.world.litter(spec);
        }
        let longest = self.creation_ms();
        self.before(Call::Create, longest).await;
        self.scene.creates(spec);
        let created = self.inner.create(spec).await;
        self.scene.say("driver", format!("create {} -> {}", spec.id, if created.is_ok() { "made" } else { "failed" }));
        self.after(created).await
    }

    async fn inspect(&self, id: &MachineId) -> Result<Observed, OperationError> {
        self.before(Call::Inspect, 5).await;
        let seen = self.inner.inspect(id).await;
        self.after(seen).await
    }

    async fn destroy(&self, id: &MachineId) -> Result<(), OperationError> {
        self.before(Call::Destroy, 500).await;
        self.scene.destroys(id);
        let destroyed = self.inner.destroy(id).await;
        self.scene.say("driver", format!("destroy {id} -> {}", if destroyed.is_ok() { "gone" } else { "failed" }));
        self.after(destroyed).await
    }

    async fn list(&self) -> Result<Vec<MachineId>, OperationError> {
        self.before(Call::List, 20).await;
        let listed = self.inner.list().await;
        self.after(listed).await
    }

    async fn exited(&self, id: &MachineId) -> String {
        self.inner.exited(id).await
    }

    async fn logs(&self, id: &MachineId) -> Result<String, OperationError> {
        self.before(Call::Logs, 20).await;
        let log = self.inner.logs(id).await;
        self.after(log).await
    }

    async fn reach(&self, id: &MachineId, reach: &Reach) -> Result<(), OperationError> {
        self.before(Call::Reach, 20).await;
        let reached = self.inner.reach(id, reach).await;
        self.after(reached).await
    }

    async fn usage(&self, id: &MachineId) -> Result<Option<Usage>, OperationError> {
        self.inner.usage(id).await
    }
}
