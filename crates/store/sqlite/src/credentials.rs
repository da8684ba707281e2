//! Credentials: metadata in the clear, contents sealed, the last versions of each.

use anteroom_protocol::{CredentialId, ProviderId, UnixMillis, UserId};
use anteroom_store::{CredentialRow, KEPT_CREDENTIAL_VERSIONS, Restored, StoreError};
use anteroom_vault::SealedCredential;
use sqlx::SqliteConnection;

use crate::{
    database::{Database, During as _},
    leases,
    words::{from_json, from_word, to_json, word},
};

/// A row as it stands in the table.
#[derive(sqlx::FromRow)]
struct Columns {
    credential: String,
    version: u32,
    owner: String,
    provider: String,
    account: Option<String>,
    freshness: Option<i64>,
    expires_at: Option<i64>,
    origin: String,
    trouble: Option<String>,
    saved_at: i64,
    connected_at: i64,
    sealed: String,
}

impl Columns {
    fn read(self) -> Result<CredentialRow, StoreError> {
        let action = format_args!("read version {} of credential {}", self.version, self.credential);
        Ok(CredentialRow {
            id: from_word(&self.credential, action)?,
            owner: from_word(&self.owner, action)?,
            provider: from_word(&self.provider, action)?,
            version: self.version,
            account: self.account,
            freshness: self.freshness.map(UnixMillis),
            expires_at: self.expires_at.map(UnixMillis),
            origin: from_word(&self.origin, action)?,
            trouble: self.trouble,
            saved_at: UnixMillis(self.saved_at),
            connected_at: UnixMillis(self.connected_at),
            sealed: from_json(&self.sealed, action)?,
        })
    }
}

/// Stores the next version of a credential, and forgets those that are no longer kept. False when it is not the next
/// one after what is stored.
pub(crate) async fn put(connection: &mut SqliteConnection, row: &CredentialRow) -> Result<bool, StoreError> {
    let action = || format!("store version {} of credential {}", row.version, row.id);
    let newest: Option<(String, u32)> = sqlx::query_as(
        "SELECT credential, version FROM credentials WHERE owner = ? AND provider = ? ORDER BY version DESC LIMIT 1",
    )
    .bind(row.owner.as_str())
    .bind(row.provider.as_str())
    .fetch_optional(&mut *connection)
    .await
    .during(action())?;
    let fits = match newest {
        Some((credential, version)) => credential == row.id.as_str() && version + 1 == row.version,
        None => row.version == 1,
    };
    if !fits {
        return Ok(false);
    }
    insert(connection, row).await.during(action())?;
    sqlx::query("DELETE FROM credentials WHERE credential = ? AND version + ? <= ?")
        .bind(row.id.as_str())
        .bind(KEPT_CREDENTIAL_VERSIONS)
        .bind(row.version)
        .execute(connection)
        .await
        .during(action())?;
    Ok(true)
}

async fn insert(connection: &mut SqliteConnection, row: &CredentialRow) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO credentials (credential, version, owner, provider, account, freshness, expires_at, origin, trouble,
                                  saved_at, connected_at, sealed)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.id.as_str())
    .bind(row.version)
    .bind(row.owner.as_str())
    .bind(row.provider.as_str())
    .bind(&row.account)
    .bind(row.freshness.map(|at| at.0))
    .bind(row.expires_at.map(|at| at.0))
    .bind(word(&row.origin))
    .bind(&row.trouble)
    .bind(row.saved_at.0)
    .bind(row.connected_at.0)
    .bind(to_json(&row.sealed))
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn newest_of(database: &Database, owner: &UserId) -> Result<Vec<CredentialRow>, StoreError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT * FROM credentials AS one WHERE owner = ? AND version =
             (SELECT max(version) FROM credentials WHERE owner = one.owner AND provider = one.provider)
         ORDER BY provider",
    )
    .bind(owner.as_str())
    .fetch_all(&mut *database.reader().await?)
    .await
    .during(format!("list the credentials of {owner}"))?;
    rows.into_iter().map(Columns::read).collect()
}

pub(crate) async fn newest(
    database: &Database,
    owner: &UserId,
    provider: &ProviderId,
) -> Result<Option<CredentialRow>, StoreError> {
    sqlx::query_as::<_, Columns>(
        "SELECT * FROM credentials WHERE owner = ? AND provider = ? ORDER BY version DESC LIMIT 1",
    )
    .bind(owner.as_str())
    .bind(provider.as_str())
    .fetch_optional(&mut *database.reader().await?)
    .await
    .during(format!("read the credential of {owner} for {provider}"))?
    .map(Columns::read)
    .transpose()
}

pub(crate) async fn versions(
    database: &Database,
    owner: &UserId,
    id: &CredentialId,
) -> Result<Vec<CredentialRow>, StoreError> {
    let rows: Vec<Columns> =
        sqlx::query_as("SELECT * FROM credentials WHERE owner = ? AND credential = ? ORDER BY version DESC")
            .bind(owner.as_str())
            .bind(id.as_str())
            .fetch_all(&mut *database.reader().await?)
            .await
            .during(format!("list the versions of credential {id}"))?;
    rows.into_iter().map(Columns::read).collect()
}

pub(crate) async fn restore(database: &Database, row: &CredentialRow) -> Result<Restored, StoreError> {
    let action = || format!("go back to a version of credential {}", row.id);
    let mut turn = database.turn(action).await?;
    let done = restore_in(&mut turn, row).await;
    turn.end(done, action).await
}

async fn restore_in(connection: &mut SqliteConnection, row: &CredentialRow) -> Result<Restored, StoreError> {
    if let Some(held) = leases::held(&mut *connection, &row.id).await? {
        return Ok(Restored::Held(held));
    }
    // What was forgotten meanwhile does not come back: a first version is none that one goes back to.
    let stored = row.version > 1 && put(connection, row).await?;
    Ok(if stored { Restored::Stored } else { Restored::Changed })
}

pub(crate) async fn note_trouble(
    database: &Database,
    id: &CredentialId,
    version: u32,
    trouble: Option<&str>,
) -> Result<(), StoreError> {
    let action = || format!("note how version {version} of credential {id} is");
    let mut turn = database.turn(action).await?;
    let done = sqlx::query(
        "UPDATE credentials SET trouble = ?3 WHERE credential = ?1 AND version = ?2
             AND version = (SELECT max(version) FROM credentials WHERE credential = ?1)",
    )
    .bind(id.as_str())
    .bind(version)
    .bind(trouble)
    .execute(&mut *turn)
    .await;
    turn.end(done.map(drop).during(action()), action).await
}

pub(crate) async fn all(database: &Database) -> Result<Vec<CredentialRow>, StoreError> {
    let rows: Vec<Columns> = sqlx::query_as("SELECT * FROM credentials ORDER BY number")
        .fetch_all(&mut *database.reader().await?)
        .await
        .during("list all credentials")?;
    rows.into_iter().map(Columns::read).collect()
}

pub(crate) async fn rewrap(
    database: &Database,
    id: &CredentialId,
    version: u32,
    sealed: &SealedCredential,
) -> Result<(), StoreError> {
    let action = || format!("rewrap version {version} of credential {id}");
    let mut turn = database.turn(action).await?;
    let done = sqlx::query("UPDATE credentials SET sealed = ? WHERE credential = ? AND version = ?")
        .bind(to_json(sealed))
        .bind(id.as_str())
        .bind(version)
        .execute(&mut *turn)
        .await;
    turn.end(done.map(drop).during(action()), action).await
}

pub(crate) async fn remove(database: &Database, owner: &UserId, id: &CredentialId) -> Result<bool, StoreError> {
    let action = || format!("remove credential {id}");
    let mut turn = database.turn(action).await?;
    let done = remove_in(&mut turn, owner, id).await.during(action());
    turn.end(done, action).await
}

async fn remove_in(connection: &mut SqliteConnection, owner: &UserId, id: &CredentialId) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("DELETE FROM credentials WHERE owner = ? AND credential = ?")
        .bind(owner.as_str())
        .bind(id.as_str())
        .execute(&mut *connection)
        .await?;
    let is_removed = done.rows_affected() > 0;
    if is_removed {
        sqlx::query("DELETE FROM told_health WHERE credential = ?").bind(id.as_str()).execute(connection).await?;
    }
    Ok(is_removed)
}
