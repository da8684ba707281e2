//! What was told of credentials, and what is still to be told.

use anteroom_protocol::{CredentialId, NoticeId, UnixMillis, credential::Health};
use anteroom_store::{MAX_NOTICES, NoticeRow, StoreError};
use sqlx::SqliteConnection;

use crate::{
    database::{Database, During as _},
    words::{from_word, word},
};

/// A row as it stands in the table.
#[derive(sqlx::FromRow)]
struct Columns {
    notice: String,
    body: String,
    created_at: i64,
    attempts: u32,
    due_at: i64,
}

impl Columns {
    fn read(self) -> Result<NoticeRow, StoreError> {
        let action = format_args!("read notice {}", self.notice);
        Ok(NoticeRow {
            id: from_word(&self.notice, action)?,
            body: self.body,
            created_at: UnixMillis(self.created_at),
            attempts: self.attempts,
            due_at: UnixMillis(self.due_at),
        })
    }
}

pub(crate) async fn tell(
    database: &Database,
    credential: &CredentialId,
    health: Health,
    notice: Option<&NoticeRow>,
) -> Result<bool, StoreError> {
    let action = || format!("note what is told of credential {credential}");
    let mut turn = database.turn(action).await?;
    let done = tell_in(&mut turn, credential, &word(&health), notice).await.during(action());
    turn.end(done, action).await
}

async fn tell_in(
    connection: &mut SqliteConnection,
    credential: &CredentialId,
    health: &str,
    notice: Option<&NoticeRow>,
) -> Result<bool, sqlx::Error> {
    let told: Option<String> = sqlx::query_scalar("SELECT health FROM told_health WHERE credential = ?")
        .bind(credential.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    if told.as_deref().unwrap_or("connected") == health {
        return Ok(false);
    }
    sqlx::query("INSERT OR REPLACE INTO told_health (credential, health) VALUES (?, ?)")
        .bind(credential.as_str())
        .bind(health)
        .execute(&mut *connection)
        .await?;
    if let Some(notice) = notice {
        put(connection, notice).await?;
    }
    Ok(true)
}

async fn put(connection: &mut SqliteConnection, notice: &NoticeRow) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO notices (notice, body, created_at, attempts, due_at) VALUES (?, ?, ?, ?, ?)")
        .bind(notice.id.as_str())
        .bind(&notice.body)
        .bind(notice.created_at.0)
        .bind(notice.attempts)
        .bind(notice.due_at.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM notices WHERE notice NOT IN (SELECT notice FROM notices ORDER BY created_at DESC LIMIT ?)")
        .bind(MAX_NOTICES)
        .execute(connection)
        .await
        .map(drop)
}

pub(crate) async fn due(database: &Database, now: UnixMillis, limit: u32) -> Result<Vec<NoticeRow>, StoreError> {
    let rows: Vec<Columns> = sqlx::query_as("SELECT * FROM notices WHERE due_at <= ? ORDER BY due_at, notice LIMIT ?")
        .bind(now.0)
        .bind(limit)
        .fetch_all(&mut *database.reader().await?)
        .await
        .during("list the notices that are due")?;
    rows.into_iter().map(Columns::read).collect()
}

pub(crate) async fn put_off(database: &Database, id: &NoticeId, due_at: UnixMillis) -> Result<(), StoreError> {
    let action = || format!("put off notice {id}");
    let mut turn = database.turn(action).await?;
    let done = sqlx::query("UPDATE notices SET attempts = attempts + 1, due_at = ? WHERE notice = ?")
        .bind(due_at.0)
        .bind(id.as_str())
        .execute(&mut *turn)
        .await;
    turn.end(done.map(drop).during(action()), action).await
}

pub(crate) async fn remove(database: &Database, id: &NoticeId) -> Result<(), StoreError> {
    let action = || format!("remove notice {id}");
    let mut turn = database.turn(action).await?;
    let done = sqlx::query("DELETE FROM notices WHERE notice = ?").bind(id.as_str()).execute(&mut *turn).await;
    turn.end(done.map(drop).during(action()), action).await
}
