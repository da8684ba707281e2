//! Leases: which run holds a credential that has one holder at a time.

use anteroom_protocol::{CredentialId, UnixMillis};
use anteroom_session::Session;
use anteroom_store::{CommitError, LeaseRow, StoreError, WantedLease};
use sqlx::SqliteConnection;

use crate::{
    database::{Database, During as _},
    words::from_word,
};

/// A row as it stands in the table.
#[derive(sqlx::FromRow)]
struct Columns {
    credential: String,
    session: String,
    version: u32,
    since: i64,
}

impl Columns {
    fn read(self) -> Result<LeaseRow, StoreError> {
        let action = format_args!("read the lease of credential {}", self.credential);
        Ok(LeaseRow {
            credential: from_word(&self.credential, action)?,
            session: from_word(&self.session, action)?,
            version: self.version,
            since: UnixMillis(self.since),
        })
    }
}

/// The run stands in its table by now.
pub(crate) async fn take(
    connection: &mut SqliteConnection,
    session: &Session,
    wanted: &WantedLease,
) -> Result<(), CommitError> {
    if let Some(held) = held(&mut *connection, &wanted.credential).await? {
        return Err(CommitError::LeaseHeld(held));
    }
    sqlx::query("INSERT INTO leases (credential, session, version, since) VALUES (?, ?, ?, ?)")
        .bind(wanted.credential.as_str())
        .bind(session.id.as_str())
        .bind(wanted.version)
        .bind(session.created_at.0)
        .execute(connection)
        .await
        .during(format!("lease credential {} to session {}", wanted.credential, session.id))?;
    Ok(())
}

/// The run has written this version back. False when it holds no lease of the version before.
pub(crate) async fn advance(
    connection: &mut SqliteConnection,
    session: &Session,
    version: u32,
) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE leases SET version = version + 1 WHERE session = ? AND version + 1 = ?")
        .bind(session.id.as_str())
        .bind(version)
        .execute(connection)
        .await
        .during(format!("advance the lease of session {}", session.id))?;
    Ok(done.rows_affected() == 1)
}

/// Nobody has the credential in hands any more.
pub(crate) async fn release(connection: &mut SqliteConnection, session: &Session) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM leases WHERE session = ?")
        .bind(session.id.as_str())
        .execute(connection)
        .await
        .during(format!("release the lease of session {}", session.id))?;
    Ok(())
}

pub(crate) async fn held(
    connection: &mut SqliteConnection,
    credential: &CredentialId,
) -> Result<Option<LeaseRow>, StoreError> {
    sqlx::query_as::<_, Columns>("SELECT credential, session, version, since FROM leases WHERE credential = ?")
        .bind(credential.as_str())
        .fetch_optional(connection)
        .await
        .during(format!("read the lease of credential {credential}"))?
        .map(Columns::read)
        .transpose()
}

pub(crate) async fn of(database: &Database, credential: &CredentialId) -> Result<Option<LeaseRow>, StoreError> {
    held(&mut *database.reader().await?, credential).await
}
