//! Looks after credentials while nobody looks at the page: has them checked from time to time, sees how each is, and tells somebody
//! outside when that has changed. What is to be told is stored with the change, and tried until it is taken: it comes at least once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anteroom_protocol::{CredentialId, NoticeId, ProviderId, UnixMillis, credential::Health};
use anteroom_store::{CredentialRow, NoticeRow};
use async_trait::async_trait;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use crate::{Controller, Error, credentials::health_of, ports::random};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(15);
/// Notices that are tried at once.
const AT_ONCE: u32 = 8;
/// Pauses after each try in vain; after the last one it is given up. All of them are a day and a half.
const PAUSES_S: [i64; 9] = [5, 30, 120, 600, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 16 * 3600];

/// Who is told.
#[async_trait]
pub trait Outside: Send + Sync + 'static {
    /// Hands a notice over. The same one may come again.
    ///
    /// # Errors
    /// It was not taken; says why, without secrets.
    async fn take(&self, id: &NoticeId, at: UnixMillis, body: &str) -> Result<(), String>;
}

/// How a credential is now, for somebody outside.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HealthNotice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: UnixMillis,
    credential: &'a CredentialId,
    provider: &'a ProviderId,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    health: Health,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<UnixMillis>,
}

/// What it is to do.
#[derive(Clone, Default)]
pub struct Care {
    /// Who is told; nobody is without one.
    pub outside: Option<Arc<dyn Outside>>,
    /// Each credential is checked so long after it was saved or checked last; never without it.
    pub check_every: Option<Duration>,
}

/// Looks after all credentials, until the controller closes.
pub async fn run(controller: Arc<Controller>, care: Care) {
    let mut keeper = Keeper { controller, care, checked: HashMap::new() };
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        if let Err(error) = keeper.look().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "looking after the credentials; it goes on in {LOOK:?}"
            );
        }
    }
}

struct Keeper {
    controller: Arc<Controller>,
    care: Care,
    /// When each was checked last, since the start.
    checked: HashMap<CredentialId, UnixMillis>,
}

impl Keeper {
    async fn look(&mut self) -> Result<(), Error> {
        let rows = newest(self.controller.store.all_credentials().await?);
        for row in &rows {
            self.tell(row).await?;
        }
        self.check_one(&rows).await;
        self.hand_over().await
    }

    /// Stores what is to be told of a credential whose health has changed.
    async fn tell(&self, row: &CredentialRow) -> Result<(), Error> {
        let controller = &self.controller;
        let now = controller.now();
        let (health, detail) = health_of(row, now);
        let told = HealthNotice {
            kind: "credential.health",
            timestamp: now,
            credential: &row.id,
            provider: &row.provider,
            account: row.account.as_deref(),
            health,
            detail: detail.as_deref(),
            expires_at: row.expires_at,
        };
        let notice = self.care.outside.as_ref().map(|_| NoticeRow {
            id: NoticeId::from_random(random(&*controller.entropy)),
            body: serde_json::to_string(&told).expect("a notice is JSON"),
            created_at: now,
            attempts: 0,
            due_at: now,
        });
        if controller.store.tell_health(&row.id, health, notice.as_ref()).await? {
            tracing::info!(credential = %row.id, provider = %row.provider, ?health, "a credential's health has changed");
        }
        Ok(())
    }

    /// Has one credential checked that is due. One at a time: each needs a machine.
    async fn check_one(&mut self, rows: &[CredentialRow]) {
        let Some(every) = self.care.check_every else { return };
        let now = self.controller.now();
        let since = |row: &CredentialRow| {
            let last = self.checked.get(&row.id).map_or(row.saved_at, |checked| (*checked).max(row.saved_at));
            now.since(last)
        };
        let is_due = |row: &&CredentialRow| {
            since(row) >= i64::try_from(every.as_millis()).unwrap_or(i64::MAX)
                && self.controller.is_checkable(&row.provider)
        };
        let Some(row) = rows.iter().filter(is_due).max_by_key(|row| since(row)) else { return };
        self.checked.insert(row.id.clone(), now);
        match self.controller.check_credential(&row.owner, &row.id).await {
            Ok(run) => tracing::info!(credential = %row.id, run = %run.run_id, "a credential is being checked"),
            // Whoever uses it finds out as well.
            Err(Error::CredentialInUse(_)) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(credential = %row.id, error, "a credential can't be checked now");
            }
        }
    }

    async fn hand_over(&self) -> Result<(), Error> {
        let Some(outside) = &self.care.outside else { return Ok(()) };
        let controller = &self.controller;
        for notice in controller.store.due_notices(controller.now(), AT_ONCE).await? {
            match outside.take(&notice.id, controller.now(), &notice.body).await {
                Ok(()) => controller.store.remove_notice(&notice.id).await?,
                Err(problem) => self.put_off(&notice, &problem).await?,
            }
        }
        Ok(())
    }

    async fn put_off(&self, notice: &NoticeRow, problem: &str) -> Result<(), Error> {
        let (store, id) = (&self.controller.store, &notice.id);
        match usize::try_from(notice.attempts).ok().and_then(|tried| PAUSES_S.get(tried)) {
            Some(pause) => {
                tracing::warn!(notice = %id, problem, "a notice was not taken; it is tried again in {pause} s");
                store.put_off_notice(id, self.controller.now().plus_ms(pause * 1000)).await?;
            }
            None => {
                tracing::warn!(notice = %id, problem, "a notice was not taken in a day and a half; it is given up");
                store.remove_notice(id).await?;
            }
        }
        Ok(())
    }
}

/// Of all kept versions the newest of each.
fn newest(rows: Vec<CredentialRow>) -> Vec<CredentialRow> {
    let mut newest: HashMap<CredentialId, CredentialRow> = HashMap::new();
    for row in rows {
        let there = newest.get(&row.id).map_or(0, |there| there.version);
        if row.version > there {
            newest.insert(row.id.clone(), row);
        }
    }
    newest.into_values().collect()
}
