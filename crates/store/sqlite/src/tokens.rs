//! Personal tokens, as digests.

use anteroom_protocol::{TokenId, UnixMillis, UserId};
use anteroom_store::{StoreError, TokenDigest, TokenRow};
use sqlx::SqliteConnection;

use crate::{
    database::{Database, During as _},
    words::{from_json, from_word, to_json},
};

/// A row as it stands in the table.
#[derive(sqlx::FromRow)]
struct Columns {
    token: String,
    digest: String,
    user: String,
    name: String,
    scopes: String,
    created_at: i64,
    expires_at: i64,
    last_used_at: Option<i64>,
}

impl Columns {
    fn read(self) -> Result<TokenRow, StoreError> {
        let action = format_args!("read token {}", self.token);
        Ok(TokenRow {
            id: from_word(&self.token, action)?,
            digest: TokenDigest(self.digest),
            user: from_word(&self.user, action)?,
            name: self.name,
            scopes: from_json(&self.scopes, action)?,
            created_at: UnixMillis(self.created_at),
            expires_at: UnixMillis(self.expires_at),
            last_used_at: self.last_used_at.map(UnixMillis),
        })
    }
}

pub(crate) async fn put(database: &Database, row: &TokenRow, max: u32) -> Result<bool, StoreError> {
    let action = || format!("store a token of {}", row.user);
    let mut turn = database.turn(action).await?;
    let done = put_in(&mut turn, row, max).await.during(action());
    turn.end(done, action).await
}

async fn put_in(connection: &mut SqliteConnection, row: &TokenRow, max: u32) -> Result<bool, sqlx::Error> {
    sqlx::query("DELETE FROM tokens WHERE expires_at <= ?").bind(row.created_at.0).execute(&mut *connection).await?;
    let done = sqlx::query(
        "INSERT INTO tokens (token, digest, user, name, scopes, created_at, expires_at, last_used_at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE (SELECT count(*) FROM tokens WHERE user = ?3) < ?9",
    )
    .bind(row.id.as_str())
    .bind(&row.digest.0)
    .bind(row.user.as_str())
    .bind(&row.name)
    .bind(to_json(&row.scopes))
    .bind(row.created_at.0)
    .bind(row.expires_at.0)
    .bind(row.last_used_at.map(|at| at.0))
    .bind(max)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn by_digest(
    database: &Database,
    digest: &TokenDigest,
    now: UnixMillis,
) -> Result<Option<TokenRow>, StoreError> {
    sqlx::query_as::<_, Columns>("SELECT * FROM tokens WHERE digest = ? AND expires_at > ?")
        .bind(&digest.0)
        .bind(now.0)
        .fetch_optional(&mut *database.reader().await?)
        .await
        .during("find out whose token it is")?
        .map(Columns::read)
        .transpose()
}

pub(crate) async fn of(database: &Database, user: &UserId, now: UnixMillis) -> Result<Vec<TokenRow>, StoreError> {
    let rows: Vec<Columns> =
        sqlx::query_as("SELECT * FROM tokens WHERE user = ? AND expires_at > ? ORDER BY created_at DESC, token")
            .bind(user.as_str())
            .bind(now.0)
            .fetch_all(&mut *database.reader().await?)
            .await
            .during(format!("list the tokens of {user}"))?;
    rows.into_iter().map(Columns::read).collect()
}

pub(crate) async fn used(database: &Database, id: &TokenId, now: UnixMillis) -> Result<(), StoreError> {
    let action = || format!("note the use of token {id}");
    let mut turn = database.turn(action).await?;
    let done = sqlx::query("UPDATE tokens SET last_used_at = ? WHERE token = ?")
        .bind(now.0)
        .bind(id.as_str())
        .execute(&mut *turn)
        .await;
    turn.end(done.map(drop).during(action()), action).await
}

pub(crate) async fn remove(database: &Database, user: &UserId, id: &TokenId) -> Result<bool, StoreError> {
    let action = || format!("revoke token {id}");
    let mut turn = database.turn(action).await?;
    let done = sqlx::query("DELETE FROM tokens WHERE user = ? AND token = ?")
        .bind(user.as_str())
        .bind(id.as_str())
        .execute(&mut *turn)
        .await;
    turn.end(done.map(|done| done.rows_affected() > 0).during(action()), action).await
}
