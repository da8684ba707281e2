//! View-only connections: their rows, their answers, and each session's log of them.

use anteroom_protocol::{
    Secret, SessionId, ViewId,
    signaling::{Answer, AnswerType},
    view::{ViewEntry, ViewEntryKind},
};
use anteroom_session::view::{View, ViewChange, ViewState, Views};
use anteroom_store::{CommitError, StoreError, StoredViews};
use sqlx::SqliteConnection;

use crate::{
    database::{Database, During as _},
    words::{from_json, from_word, to_json},
};

/// The word of its column: that of the body.
fn word_of(state: &ViewState) -> &'static str {
    match state {
        ViewState::Offered => "offered",
        ViewState::Answered { .. } => "answered",
        ViewState::Refused { .. } => "refused",
        ViewState::Closed => "closed",
    }
}

pub(crate) async fn commit(
    database: &Database,
    id: &SessionId,
    version: u64,
    change: &ViewChange,
) -> Result<(), CommitError> {
    let action = || format!("commit a change to the views of session {id}");
    let mut turn = database.turn(action).await?;
    let committed = commit_in(&mut turn, id, version, change).await;
    turn.end(committed, action).await
}

async fn commit_in(
    connection: &mut SqliteConnection,
    id: &SessionId,
    version: u64,
    change: &ViewChange,
) -> Result<(), CommitError> {
    if !take_version(connection, id, version).await? {
        return Err(CommitError::Conflict(id.clone()));
    }
    for view in &change.views {
        put(connection, id, view).await?;
    }
    if let Some((view, answer)) = &change.answer {
        put_answer(connection, view, answer).await?;
    }
    for entry in &change.entries {
        append(connection, id, entry).await?;
    }
    Ok(())
}

/// False when the log has another version.
async fn take_version(connection: &mut SqliteConnection, id: &SessionId, version: u64) -> Result<bool, StoreError> {
    let Ok(version) = i64::try_from(version) else { return Ok(false) };
    let query = if version == 0 {
        sqlx::query("INSERT INTO view_logs (session, version) VALUES (?, 1) ON CONFLICT (session) DO NOTHING")
            .bind(id.as_str())
    } else {
        sqlx::query("UPDATE view_logs SET version = version + 1 WHERE session = ? AND version = ?")
            .bind(id.as_str())
            .bind(version)
    };
    let done = query.execute(connection).await.during(format!("take the next version of the views of session {id}"))?;
    Ok(done.rows_affected() == 1)
}

async fn put(connection: &mut SqliteConnection, id: &SessionId, view: &View) -> Result<(), StoreError> {
    let (state, body) = (word_of(&view.state), to_json(view));
    let known = sqlx::query("UPDATE views SET state = ?, body = ? WHERE view = ? AND session = ?")
        .bind(state)
        .bind(&body)
        .bind(view.id.as_str())
        .bind(id.as_str())
        .execute(&mut *connection)
        .await
        .during(format!("update view {}", view.id))?;
    if known.rows_affected() == 0 {
        sqlx::query("INSERT INTO views (view, session, state, body) VALUES (?, ?, ?, ?)")
            .bind(view.id.as_str())
            .bind(id.as_str())
            .bind(state)
            .bind(&body)
            .execute(connection)
            .await
            .during(format!("insert view {} of session {id}", view.id))?;
    }
    Ok(())
}

async fn put_answer(connection: &mut SqliteConnection, view: &ViewId, answer: &Answer) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO view_answers (view, sdp) VALUES (?, ?)")
        .bind(view.as_str())
        .bind(answer.sdp.expose())
        .execute(connection)
        .await
        .during(format!("insert the answer of view {view}"))?;
    Ok(())
}

async fn append(connection: &mut SqliteConnection, id: &SessionId, entry: &ViewEntry) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO view_entries (session, seq, view, body) VALUES (?, ?, ?, ?)")
        .bind(id.as_str())
        .bind(entry.seq)
        .bind(entry.view.as_str())
        .bind(to_json(&entry.kind))
        .execute(connection)
        .await
        .during(format!("append entry {} to the views of session {id}", entry.seq))?;
    Ok(())
}

/// The version is read first: whatever changes after it makes a commit under it a conflict.
pub(crate) async fn of_session(database: &Database, id: &SessionId) -> Result<StoredViews, StoreError> {
    let action = || format!("read the views of session {id}");
    let mut connection = database.reader().await?;
    let version: Option<i64> = sqlx::query_scalar("SELECT version FROM view_logs WHERE session = ?")
        .bind(id.as_str())
        .fetch_optional(&mut *connection)
        .await
        .during(action())?;
    let last: u32 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM view_entries WHERE session = ?")
        .bind(id.as_str())
        .fetch_one(&mut *connection)
        .await
        .during(action())?;
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT body FROM views WHERE session = ? AND state IN ('offered', 'answered') ORDER BY number",
    )
    .bind(id.as_str())
    .fetch_all(&mut *connection)
    .await
    .during(action())?;
    let open = open.iter().map(|body| from_json(body, action())).collect::<Result<_, _>>()?;
    Ok(StoredViews { views: Views { last, open }, version: version.unwrap_or(0).unsigned_abs() })
}

pub(crate) async fn one(database: &Database, id: &SessionId, view: &ViewId) -> Result<Option<View>, StoreError> {
    let action = || format!("read view {view} of session {id}");
    let body: Option<String> = sqlx::query_scalar("SELECT body FROM views WHERE view = ? AND session = ?")
        .bind(view.as_str())
        .bind(id.as_str())
        .fetch_optional(&mut *database.reader().await?)
        .await
        .during(action())?;
    body.map(|body| from_json(&body, action())).transpose()
}

pub(crate) async fn answer(database: &Database, view: &ViewId) -> Result<Option<Answer>, StoreError> {
    let sdp: Option<String> = sqlx::query_scalar("SELECT sdp FROM view_answers WHERE view = ?")
        .bind(view.as_str())
        .fetch_optional(&mut *database.reader().await?)
        .await
        .during(format!("read the answer of view {view}"))?;
    Ok(sdp.map(|sdp| Answer { kind: AnswerType::Answer, sdp: Secret::new(sdp) }))
}

pub(crate) async fn entries(
    database: &Database,
    id: &SessionId,
    after: u32,
    limit: u32,
) -> Result<Vec<ViewEntry>, StoreError> {
    let action = || format!("read the log of views of session {id}");
    let rows: Vec<(u32, String, String)> =
        sqlx::query_as("SELECT seq, view, body FROM view_entries WHERE session = ? AND seq > ? ORDER BY seq LIMIT ?")
            .bind(id.as_str())
            .bind(after)
            .bind(limit)
            .fetch_all(&mut *database.reader().await?)
            .await
            .during(action())?;
    let read = |(seq, view, body): (u32, String, String)| {
        let kind: ViewEntryKind = from_json(&body, action())?;
        Ok(ViewEntry { seq, view: from_word(&view, action())?, kind })
    };
    rows.into_iter().map(read).collect()
}
