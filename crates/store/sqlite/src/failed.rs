//! The logs of failed machines.

use anteroom_protocol::{MachineId, UnixMillis, session::Reason};
use anteroom_store::{FailedMachine, KEPT_LOGS, StoreError};
use sqlx::SqliteConnection;

use crate::{
    database::{Database, During as _},
    words::{from_word, word},
};

/// A row with what stands of its machine and session elsewhere.
#[derive(sqlx::FromRow)]
struct Columns {
    machine: String,
    session: Option<String>,
    provider: Option<String>,
    driver: String,
    created_at: i64,
    failed_at: i64,
    code: String,
    detail: String,
}

#[derive(sqlx::FromRow)]
struct WithLog {
    #[sqlx(flatten)]
    columns: Columns,
    log: String,
}

impl Columns {
    fn read(self) -> Result<FailedMachine, StoreError> {
        let action = format_args!("read the failed machine {}", self.machine);
        Ok(FailedMachine {
            machine: from_word(&self.machine, action)?,
            session: self.session.map(|session| from_word(&session, action)).transpose()?,
            provider: self.provider.map(|provider| from_word(&provider, action)).transpose()?,
            driver: self.driver,
            created_at: UnixMillis(self.created_at),
            failed_at: UnixMillis(self.failed_at),
            reason: Reason { code: from_word(&self.code, action)?, detail: self.detail },
        })
    }
}

pub(crate) async fn keep(
    database: &Database,
    id: &MachineId,
    reason: &Reason,
    log: &str,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let action = || format!("keep the log of machine {id}");
    let mut turn = database.turn(action).await?;
    let kept = keep_in(&mut turn, id, reason, log, now).await.during(action());
    turn.end(kept, action).await
}

async fn keep_in(
    connection: &mut SqliteConnection,
    id: &MachineId,
    reason: &Reason,
    log: &str,
    now: UnixMillis,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO failed_machines (machine, code, detail, failed_at, log) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (machine) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(word(&reason.code))
    .bind(&reason.detail)
    .bind(now.0)
    .bind(log)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM failed_machines WHERE number NOT IN (SELECT number FROM failed_machines ORDER BY number DESC LIMIT ?)",
    )
    .bind(KEPT_LOGS)
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn all(database: &Database) -> Result<Vec<FailedMachine>, StoreError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT failed_machines.machine, machines.session, sessions.provider, driver, machines.created_at, failed_at, code, detail
         FROM failed_machines JOIN machines USING (machine)
         LEFT JOIN sessions ON sessions.session = machines.session ORDER BY failed_machines.number DESC",
    )
    .fetch_all(&mut *database.reader().await?)
    .await
    .during("list the failed machines")?;
    rows.into_iter().map(Columns::read).collect()
}

pub(crate) async fn log(database: &Database, id: &MachineId) -> Result<Option<(FailedMachine, String)>, StoreError> {
    let row: Option<WithLog> = sqlx::query_as(
        "SELECT failed_machines.machine, machines.session, sessions.provider, driver, machines.created_at, failed_at, code, detail, log
         FROM failed_machines JOIN machines USING (machine)
         LEFT JOIN sessions ON sessions.session = machines.session WHERE failed_machines.machine = ?",
    )
    .bind(id.as_str())
    .fetch_optional(&mut *database.reader().await?)
    .await
    .during(format!("read the kept log of machine {id}"))?;
    row.map(|row| row.columns.read().map(|failed| (failed, row.log))).transpose()
}

pub(crate) async fn forget(database: &Database, id: &MachineId) -> Result<bool, StoreError> {
    let action = || format!("forget the log of machine {id}");
    let mut turn = database.turn(action).await?;
    let done = sqlx::query("DELETE FROM failed_machines WHERE machine = ?")
        .bind(id.as_str())
        .execute(&mut *turn)
        .await
        .during(action());
    turn.end(done.map(|done| done.rows_affected() == 1), action).await
}
