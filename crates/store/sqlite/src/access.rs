//! Who may: the owner, and digests of links, cookies and tokens.

use anteroom_protocol::{UnixMillis, UserId};
use anteroom_store::{AccessRow, StoreError, TokenDigest};

use crate::{
    database::{Database, During as _},
    words::from_word,
};

pub(crate) async fn owner(database: &Database, candidate: &UserId, now: UnixMillis) -> Result<UserId, StoreError> {
    let action = "read or make the owner";
    let mut connection = database.writer().await?;
    sqlx::query("INSERT INTO users (user, role, created_at) VALUES (?, 'owner', ?) ON CONFLICT DO NOTHING")
        .bind(candidate.as_str())
        .bind(now.0)
        .execute(&mut *connection)
        .await
        .during(action)?;
    let owner: String = sqlx::query_scalar("SELECT user FROM users WHERE role = 'owner'")
        .fetch_one(&mut *connection)
        .await
        .during(action)?;
    from_word(&owner, action)
}

pub(crate) async fn put(database: &Database, row: &AccessRow) -> Result<(), StoreError> {
    sqlx::query("INSERT OR REPLACE INTO access (digest, user, expires_at, once) VALUES (?, ?, ?, ?)")
        .bind(&row.digest.0)
        .bind(row.user.as_str())
        .bind(row.expires_at.0)
        .bind(row.once)
        .execute(&mut *database.writer().await?)
        .await
        .during(format!("store an access of {}", row.user))?;
    Ok(())
}

pub(crate) async fn user(
    database: &Database,
    digest: &TokenDigest,
    now: UnixMillis,
) -> Result<Option<UserId>, StoreError> {
    let action = "find out whose access it is";
    let user: Option<String> =
        sqlx::query_scalar("SELECT user FROM access WHERE digest = ? AND once = 0 AND expires_at > ?")
            .bind(&digest.0)
            .bind(now.0)
            .fetch_optional(&mut *database.reader().await?)
            .await
            .during(action)?;
    user.map(|user| from_word(&user, action)).transpose()
}

pub(crate) async fn use_link(
    database: &Database,
    digest: &TokenDigest,
    now: UnixMillis,
) -> Result<Option<UserId>, StoreError> {
    let action = "use up a link";
    let mut transaction = database.transaction().await?;
    sqlx::query("DELETE FROM access WHERE expires_at <= ?")
        .bind(now.0)
        .execute(&mut *transaction)
        .await
        .during(action)?;
    let user: Option<String> = sqlx::query_scalar("DELETE FROM access WHERE digest = ? AND once = 1 RETURNING user")
        .bind(&digest.0)
        .fetch_optional(&mut *transaction)
        .await
        .during(action)?;
    transaction.commit().await.during(action)?;
    user.map(|user| from_word(&user, action)).transpose()
}
