//! Hosts that people allow.

use anteroom_protocol::{HostPattern, ProviderId, UnixMillis, UserId};
use anteroom_store::{MAX_ALLOWED_HOSTS, StoreError};

use crate::{
    database::{Database, During as _},
    words::from_word,
};

pub(crate) async fn allowed(
    database: &Database,
    owner: &UserId,
    provider: &ProviderId,
) -> Result<Vec<HostPattern>, StoreError> {
    let action = "list the allowed hosts";
    let hosts: Vec<String> =
        sqlx::query_scalar("SELECT host FROM allowed_hosts WHERE owner = ? AND provider = ? ORDER BY host")
            .bind(owner.as_str())
            .bind(provider.as_str())
            .fetch_all(&mut *database.reader().await?)
            .await
            .during(action)?;
    hosts.iter().map(|host| from_word(host, action)).collect()
}

/// In one statement, so that two at once are not one too many.
pub(crate) async fn allow(
    database: &Database,
    owner: &UserId,
    provider: &ProviderId,
    host: &HostPattern,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let action = || format!("allow a host for provider {provider}");
    let mut turn = database.turn(action).await?;
    let stored = sqlx::query(
        "INSERT INTO allowed_hosts (owner, provider, host, allowed_at)
         SELECT ?1, ?2, ?3, ?4
         WHERE (SELECT count(*) FROM allowed_hosts WHERE owner = ?1 AND provider = ?2 AND host <> ?3) < ?5
         ON CONFLICT (owner, provider, host) DO UPDATE SET allowed_at = allowed_at",
    )
    .bind(owner.as_str())
    .bind(provider.as_str())
    .bind(host.to_string())
    .bind(now.0)
    .bind(MAX_ALLOWED_HOSTS)
    .execute(&mut *turn)
    .await
    .during(action());
    turn.end(stored.map(|stored| stored.rows_affected() == 1), action).await
}

pub(crate) async fn disallow(
    database: &Database,
    owner: &UserId,
    provider: &ProviderId,
    host: &HostPattern,
) -> Result<bool, StoreError> {
    let action = || format!("take a host of provider {provider} back");
    let mut turn = database.turn(action).await?;
    let done = sqlx::query("DELETE FROM allowed_hosts WHERE owner = ? AND provider = ? AND host = ?")
        .bind(owner.as_str())
        .bind(provider.as_str())
        .bind(host.to_string())
        .execute(&mut *turn)
        .await
        .during(action());
    turn.end(done.map(|done| done.rows_affected() == 1), action).await
}
