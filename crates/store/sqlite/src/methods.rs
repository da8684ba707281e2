//! Sign-ins without a desktop: what people paste, and which method they chose.

use anteroom_protocol::{ProviderId, SessionId, UserId, provider::MethodKind};
use anteroom_session::Session;
use anteroom_store::StoreError;
use anteroom_vault::SealedText;
use sqlx::SqliteConnection;

use crate::{
    database::{Database, During as _},
    words::{from_json, from_word, to_json, word},
};

/// The session stands in its table by now.
pub(crate) async fn put_paste(
    connection: &mut SqliteConnection,
    id: &SessionId,
    number: u32,
    sealed: Option<&SealedText>,
) -> Result<(), StoreError> {
    let action = || format!("store paste {number} of session {id}");
    let sealed = sealed.ok_or_else(|| StoreError::new(action(), "a paste comes with its sealed text"))?;
    sqlx::query("INSERT INTO pastes (session, number, sealed) VALUES (?, ?, ?)")
        .bind(id.as_str())
        .bind(number)
        .bind(to_json(sealed))
        .execute(connection)
        .await
        .during(action())?;
    Ok(())
}

pub(crate) async fn pastes(
    database: &Database,
    id: &SessionId,
    after: u32,
) -> Result<Vec<(u32, SealedText)>, StoreError> {
    let action = || format!("read the pastes of session {id}");
    let rows: Vec<(u32, String)> =
        sqlx::query_as("SELECT number, sealed FROM pastes WHERE session = ? AND number > ? ORDER BY number")
            .bind(id.as_str())
            .bind(after)
            .fetch_all(&mut *database.reader().await?)
            .await
            .during(action())?;
    rows.into_iter().map(|(number, sealed)| Ok((number, from_json(&sealed, action())?))).collect()
}

pub(crate) async fn choose(connection: &mut SqliteConnection, session: &Session) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO chosen_methods (owner, provider, method) VALUES (?, ?, ?)
         ON CONFLICT (owner, provider) DO UPDATE SET method = excluded.method",
    )
    .bind(session.owner.as_str())
    .bind(session.provider.as_str())
    .bind(word(&session.method))
    .execute(connection)
    .await
    .during(format!("remember the method of session {}", session.id))?;
    Ok(())
}

pub(crate) async fn chosen(database: &Database, owner: &UserId) -> Result<Vec<(ProviderId, MethodKind)>, StoreError> {
    let action = "list the chosen methods";
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT provider, method FROM chosen_methods WHERE owner = ? ORDER BY provider")
            .bind(owner.as_str())
            .fetch_all(&mut *database.reader().await?)
            .await
            .during(action)?;
    rows.into_iter()
        .map(|(provider, method)| Ok((from_word(&provider, action)?, from_word(&method, action)?)))
        .collect()
}
