//! Who may: the owner, and digests of links, cookies and tokens.

use anteroom_protocol::{UnixMillis, UserId};
use anteroom_store::{AccessRow, StoreError, TokenDigest};
use sqlx::SqliteConnection;

use crate::{
    database::{Database, During as _},
    words::from_word,
};

pub(crate) async fn owner(database: &Database, candidate: &UserId, now: UnixMillis) -> Result<UserId, StoreError> {
    let action = "read or make the owner";
    let mut turn = database.turn(|| action.to_owned()).await?;
    let owner = owner_in(&mut turn, candidate, now).await.during(action);
    from_word(&turn.end(owner, || action.to_owned()).await?, action)
}

async fn owner_in(
    connection: &mut SqliteConnection,
    candidate: &UserId,
    now: UnixMillis,
) -> Result<String, sqlx::Error> {
    sqlx::query("INSERT INTO users (user, role, created_at) VALUES (?, 'owner', ?) ON CONFLICT DO NOTHING")
        .bind(candidate.as_str())
        .bind(now.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar("SELECT user FROM users WHERE role = 'owner'").fetch_one(connection).await
}

pub(crate) async fn is_owner(database: &Database, user: &UserId) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM users WHERE user = ? AND role = 'owner'")
        .bind(user.as_str())
        .fetch_optional(&mut *database.reader().await?)
        .await
        .during("find out who the owner is")?;
    Ok(found.is_some())
}

pub(crate) async fn put(database: &Database, row: &AccessRow, now: UnixMillis) -> Result<(), StoreError> {
    let action = || format!("store an access of {}", row.user);
    let mut turn = database.turn(action).await?;
    let done = put_in(&mut turn, row, now).await.during(action());
    turn.end(done, action).await
}

async fn put_in(connection: &mut SqliteConnection, row: &AccessRow, now: UnixMillis) -> Result<(), sqlx::Error> {
    forget_expired(connection, now).await?;
    sqlx::query("INSERT OR REPLACE INTO access (digest, user, expires_at, once) VALUES (?, ?, ?, ?)")
        .bind(&row.digest.0)
        .bind(row.user.as_str())
        .bind(row.expires_at.0)
        .bind(row.once)
        .execute(connection)
        .await
        .map(drop)
}

async fn forget_expired(connection: &mut SqliteConnection, now: UnixMillis) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM access WHERE expires_at <= ?").bind(now.0).execute(connection).await.map(drop)
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
    let mut turn = database.turn(|| action.to_owned()).await?;
    let user = use_link_in(&mut turn, digest, now).await.during(action);
    let user = turn.end(user, || action.to_owned()).await?;
    user.map(|user| from_word(&user, action)).transpose()
}

async fn use_link_in(
    connection: &mut SqliteConnection,
    digest: &TokenDigest,
    now: UnixMillis,
) -> Result<Option<String>, sqlx::Error> {
    forget_expired(connection, now).await?;
    sqlx::query_scalar("DELETE FROM access WHERE digest = ? AND once = 1 RETURNING user")
        .bind(&digest.0)
        .fetch_optional(connection)
        .await
}
