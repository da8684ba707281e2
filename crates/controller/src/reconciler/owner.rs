//! The one who acts on one machine: looks at row and world, takes the next step that `session::machine` names, and
//! waits until something has changed.
//!
//! Each act tells the session first and writes the row last: whatever is interrupted in between is seen again from the
//! row, and both are fine with hearing it twice.

use std::{sync::Arc, time::Duration};

use anteroom_machines::{CreateError, Driver, MachineSpec, Observed, OperationError};
use anteroom_protocol::{
    MachineId,
    guest::Boot,
    limits,
    session::{Reason, ReasonCode},
};
use anteroom_session::{
    Input, Refusal,
    machine::{Act, MachineRow, Seen, Wanted, World, next},
};
use tokio::{sync::Semaphore, time::Instant};

use super::keep::{keep_log, keep_log_of_session};
use crate::{Caller, Controller, Error, Token, wake::Waiter};

/// Beyond every deadline of a session, which ends the wait earlier and says so to the person.
const CREATE_TIMEOUT: Duration = Duration::from_secs(600);
/// How long destroying may take before it is tried again.
const DESTROY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a look may take.
const INSPECT_TIMEOUT: Duration = Duration::from_secs(20);
/// The wait after the first failure; it doubles with each next one.
const FIRST_RETRY: Duration = Duration::from_millis(200);
/// The longest wait after a failure.
const LAST_RETRY: Duration = Duration::from_secs(30);
/// How often a machine is looked at, though nothing was heard of it.
const LOOK_AGAIN: Duration = Duration::from_secs(20);

pub(super) struct Owner {
    pub(super) controller: Arc<Controller>,
    pub(super) driver: Arc<dyn Driver>,
    pub(super) slots: Arc<Semaphore>,
    pub(super) machine: MachineId,
}

/// What a step leaves.
enum Step {
    /// There may be more to do at once.
    Again,
    /// Row and world agree, until something changes.
    Settled,
    /// The row is gone.
    Done,
}

/// Why a step failed. It is tried again.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Controller(#[from] Error),
    #[error(transparent)]
    Driver(#[from] OperationError),
    #[error("{0} took too long")]
    TimedOut(&'static str),
}

impl From<anteroom_store::StoreError> for StepError {
    fn from(error: anteroom_store::StoreError) -> Self {
        Self::Controller(error.into())
    }
}

impl Owner {
    /// Keeps row and world together until the row is gone.
    pub(super) async fn keep(self) {
        let mut wanted = self.controller.keeper(&self.machine);
        let mut retry = Retry::default();
        let mut ended = false;
        loop {
            wanted.catch_up();
            // A step has room of its own, for as long as it lasts: thousands of owners wait.
            match Box::pin(self.step()).await {
                Ok(Step::Done) => return,
                Ok(Step::Again) => {
                    retry = Retry::default();
                    ended = false;
                }
                // The driver says that it has ended and that it runs: look again, but not at once.
                Ok(Step::Settled) if ended => {
                    retry.wait(&mut wanted).await;
                    ended = false;
                }
                Ok(Step::Settled) => ended = self.wait(&mut wanted).await,
                Err(error) => {
                    tracing::warn!(machine = %self.machine, error = &error as &dyn std::error::Error, "a step failed and is tried again");
                    retry.wait(&mut wanted).await;
                }
            }
        }
    }

    /// Destroys what no row knows.
    pub(super) async fn reclaim(self) {
        let mut wanted = self.controller.keeper(&self.machine);
        let mut retry = Retry::default();
        while let Err(error) = self.destroyed().await {
            tracing::warn!(machine = %self.machine, error = &error as &dyn std::error::Error, "a machine without a row is not gone yet");
            wanted.catch_up();
            retry.wait(&mut wanted).await;
        }
    }

    /// Whether the machine has ended, and nothing else woke this.
    async fn wait(&self, wanted: &mut Waiter<MachineId>) -> bool {
        tokio::select! {
            biased;
            () = wanted.changed() => false,
            () = tokio::time::sleep(LOOK_AGAIN) => false,
            reason = self.driver.exited(&self.machine) => {
                tracing::info!(machine = %self.machine, reason, "the machine has ended");
                true
            }
        }
    }

    async fn step(&self) -> Result<Step, StepError> {
        let Some(row) = self.controller.store.machine(&self.machine).await? else { return Ok(Step::Done) };
        if row.seen == Seen::Gone {
            return Ok(Step::Done);
        }
        // What a relay may reach for the session, again after each restart.
        match (&row.session, row.wanted) {
            (Some(session), Wanted::Running) => self.controller.reach.open(session, row.address),
            (Some(session), Wanted::Kept | Wanted::Gone) => self.controller.reach.close(session),
            (None, Wanted::Running | Wanted::Kept | Wanted::Gone) => {}
        }
        let world = self.look(&row).await?;
        match next(&row, &world) {
            Act::Nothing => self.settled(&row).await,
            Act::Create => self.create(&row).await,
            Act::TakeUp => self.take_up(&row).await,
            Act::Lost { detail } => self.lost(&row, detail).await,
            Act::Destroy => self.destroy(&row).await,
        }
    }

    /// A row that is only planned, or wanted gone, does not need the driver's word: its step is the same for each.
    async fn look(&self, row: &MachineRow) -> Result<World, StepError> {
        match (row.wanted, row.seen) {
            (Wanted::Gone, _)
            | (Wanted::Running, Seen::Planned | Seen::Gone)
            | (Wanted::Kept, Seen::Planned | Seen::Creating | Seen::Gone) => Ok(World::Absent),
            (Wanted::Running, Seen::Creating | Seen::Running) | (Wanted::Kept, Seen::Running) => {
                let look = tokio::time::timeout(INSPECT_TIMEOUT, self.driver.inspect(&row.id)).await;
                Ok(match look.map_err(|_| StepError::TimedOut("looking at the machine"))?? {
                    Observed::Absent => World::Absent,
                    Observed::Running => World::Running,
                    Observed::Dead { reason } => World::Dead { detail: reason },
                })
            }
        }
    }

    /// What a machine wrote that is kept is read now: it writes on, and its failure is what is to be explained.
    async fn settled(&self, row: &MachineRow) -> Result<Step, StepError> {
        if row.wanted == Wanted::Kept && self.controller.store.kept_log(&row.id).await?.is_none() {
            keep_log_of_session(&self.controller, &*self.driver, row).await;
        }
        Ok(Step::Settled)
    }

    async fn create(&self, row: &MachineRow) -> Result<Step, StepError> {
        let _slot = self.slots.acquire().await;
        let token = Token::new(&*self.controller.entropy);
        self.controller.store.begin_creating(&row.id, &token.digest()).await?;
        let began = Instant::now();
        let spec = self.spec(row, &token);
        let made = tokio::select! {
            biased;
            made = tokio::time::timeout(CREATE_TIMEOUT, self.driver.create(&spec)) => made,
            // The driver has destroying wait for what is under way, so that nobody has to wait for it here.
            () = self.unwanted() => return Ok(Step::Again),
        };
        let ms = began.elapsed().as_millis();
        let problem = match made {
            Ok(Ok(())) => {
                tracing::info!(machine = %row.id, session = ?row.session, ms, "the machine is made");
                return self.take_up(row).await;
            }
            Ok(Err(error)) => without_machine(&error),
            Err(_) => format!("it took longer than {} s", CREATE_TIMEOUT.as_secs()),
        };
        tracing::error!(machine = %row.id, session = ?row.session, ms, problem, "the machine could not be made");
        let detail = cut(format!("The machine could not be made: {problem}. Try again."));
        self.tell(row, Input::MachineNotCreated { code: ReasonCode::MachineFailed, detail }).await?;
        Ok(Step::Again)
    }

    /// Waits until the row's session has ended. A row that can't be read is wanted until it can.
    async fn unwanted(&self) {
        let mut wanted = self.controller.keeper(&self.machine);
        loop {
            if let Ok(Some(row)) = self.controller.store.machine(&self.machine).await
                && row.wanted == Wanted::Gone
            {
                return;
            }
            wanted.changed().await;
        }
    }

    fn spec(&self, row: &MachineRow, token: &Token) -> MachineSpec {
        let settings = &self.controller.settings;
        MachineSpec {
            id: row.id.clone(),
            address: row.address,
            boot: Boot {
                controller_url: settings.guest_url.clone(),
                token: token.secret(),
                address: row.address.into(),
                desktop: settings.desktop,
                environment: Vec::new(),
                engine: settings.engine,
            },
            limits: settings.limits,
            additions: settings.additions.clone(),
        }
    }

    async fn take_up(&self, row: &MachineRow) -> Result<Step, StepError> {
        self.tell(row, Input::MachineCreated).await?;
        self.controller.store.saw_machine(&row.id, Seen::Running, self.controller.now()).await?;
        // The next pooled one may be made.
        self.controller.machines_wanted.of(&row.id);
        Ok(Step::Again)
    }

    async fn lost(&self, row: &MachineRow, detail: String) -> Result<Step, StepError> {
        tracing::warn!(machine = %row.id, session = ?row.session, detail, "the machine is lost");
        self.tell(row, Input::MachineLost { detail: cut(format!("The machine ended: {detail}")) }).await?;
        Ok(Step::Again)
    }

    async fn destroy(&self, row: &MachineRow) -> Result<Step, StepError> {
        keep_log_of_session(&self.controller, &*self.driver, row).await;
        let _slot = self.slots.acquire().await;
        self.destroyed().await?;
        self.tell(row, Input::MachineDestroyed).await?;
        self.controller.store.saw_machine(&row.id, Seen::Gone, self.controller.now()).await?;
        tracing::info!(machine = %row.id, session = ?row.session, "the machine is gone");
        Ok(Step::Done)
    }

    async fn destroyed(&self) -> Result<(), StepError> {
        let destroyed = tokio::time::timeout(DESTROY_TIMEOUT, self.driver.destroy(&self.machine)).await;
        Ok(destroyed.map_err(|_| StepError::TimedOut("destroying the machine"))??)
    }

    /// Tells the session, which the machine may have had since the row was read. One that has ended meanwhile has heard
    /// enough, and its row says so by now.
    async fn tell(&self, row: &MachineRow, input: Input) -> Result<(), StepError> {
        let Some(session) = self.controller.store.machine(&row.id).await?.and_then(|row| row.session) else {
            return self.heed_pooled(row, &input).await;
        };
        match self.controller.decide(&Caller::Controller, &session, input).await {
            Ok(_) | Err(Error::Refused(Refusal::Ended(_))) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What happens to a pooled machine nobody waits for: one that failed is destroyed. When it was bound just now, the
    /// step is taken again, and its session is told.
    async fn heed_pooled(&self, row: &MachineRow, input: &Input) -> Result<(), StepError> {
        let (code, detail) = if let Input::MachineNotCreated { code, detail } = input {
            (*code, detail.clone())
        } else if let Input::MachineLost { detail } = input {
            (ReasonCode::MachineLost, detail.clone())
        } else {
            return Ok(());
        };
        self.controller.pool.failed();
        keep_log(&self.controller, &*self.driver, &row.id, &Reason { code, detail }).await;
        self.controller.store.retire_pooled(&row.id).await?;
        Ok(())
    }
}

/// Waits that grow. What is wanted of the machine anew ends one early: it may be just what the step lacked.
#[derive(Default)]
struct Retry {
    failures: u32,
}

impl Retry {
    async fn wait(&mut self, wanted: &mut Waiter<MachineId>) {
        let delay = FIRST_RETRY.saturating_mul(1 << self.failures.min(16)).min(LAST_RETRY);
        self.failures += 1;
        let _ = tokio::time::timeout(delay, wanted.changed()).await;
    }
}

/// The person knows which machine.
fn without_machine(error: &CreateError) -> String {
    match error {
        CreateError::Invalid { problem, .. } => problem.to_string(),
        CreateError::Failed(OperationError { step, detail, .. }) => format!("{step}: {detail}"),
    }
}

/// At most as long as a guest's own texts may be.
fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(limits::MAX_DETAIL_BYTES));
    text
}
