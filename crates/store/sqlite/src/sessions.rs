//! Sessions and their events: the one transaction in which a change is stored.

use anteroom_protocol::{SessionId, UserId, session::SessionEvent};
use anteroom_session::{Change, Session, Write};
use anteroom_store::{CommitError, Extras, Full, StoreError, Stored, decided_at};
use sqlx::SqliteConnection;

use crate::{
    credentials,
    database::{Database, During as _},
    leases, machines, methods, signaling,
    words::{from_json, from_word, to_json, word},
};

/// What stands beside the body, derived here and nowhere else.
struct Columns {
    state: String,
    ended: bool,
    deadline_at: Option<i64>,
    queued_at: Option<i64>,
    machine: Option<String>,
    body: String,
}

impl Columns {
    fn of(session: &Session) -> Self {
        Self {
            state: word(&session.state()),
            ended: session.end().is_some(),
            deadline_at: session.deadline().map(|at| at.0),
            queued_at: session.queued_since().map(|at| at.0),
            machine: session.machine.as_ref().map(ToString::to_string),
            body: to_json(session),
        }
    }
}

pub(crate) async fn create(
    database: &Database,
    session: &Session,
    change: Option<&Change>,
    extras: &Extras,
) -> Result<(), CommitError> {
    let action = || format!("create session {}", session.id);
    let mut turn = database.turn(action).await?;
    let created = create_in(&mut turn, session, change, extras).await;
    turn.end(created, action).await
}

async fn create_in(
    connection: &mut SqliteConnection,
    session: &Session,
    change: Option<&Change>,
    extras: &Extras,
) -> Result<(), CommitError> {
    if let Some(key) = &extras.idempotency_key
        && let Some(made) = by_key(connection, &session.owner, key).await?
    {
        return Err(CommitError::Repeated(made));
    }
    let first = change.map_or(session, |change| &change.session);
    if !insert(connection, first, extras.idempotency_key.as_deref()).await? {
        return Err(CommitError::Conflict(session.id.clone()));
    }
    if extras.chooses_method {
        methods::choose(connection, session).await?;
    }
    if let Some(wanted) = &extras.lease {
        leases::take(connection, session, wanted).await?;
    }
    match change {
        Some(change) => apply(connection, change, extras, false).await,
        None => Ok(()),
    }
}

pub(crate) async fn commit(
    database: &Database,
    version: u64,
    change: &Change,
    extras: &Extras,
) -> Result<(), CommitError> {
    let id = &change.session.id;
    let action = || format!("commit a change to session {id}");
    let mut turn = database.turn(action).await?;
    let committed = commit_in(&mut turn, version, change, extras).await;
    turn.end(committed, action).await
}

async fn commit_in(
    connection: &mut SqliteConnection,
    version: u64,
    change: &Change,
    extras: &Extras,
) -> Result<(), CommitError> {
    match update(connection, version, &change.session).await? {
        Some(has_machine) => apply(connection, change, extras, has_machine).await,
        None => Err(CommitError::Conflict(change.session.id.clone())),
    }
}

/// Stores the change's writes. `has_machine` says whether the session's machine has a row already.
async fn apply(
    connection: &mut SqliteConnection,
    change: &Change,
    extras: &Extras,
    has_machine: bool,
) -> Result<(), CommitError> {
    let id = &change.session.id;
    // The schema would find out with the commit, which is also that of others.
    let plans =
        |machine| change.writes.iter().any(|write| matches!(write, Write::PlanMachine(planned) if planned == machine));
    if !has_machine && change.session.machine.as_ref().is_some_and(|machine| !plans(machine)) {
        return Err(StoreError::new(format!("commit a change to session {id}"), "its machine has no row").into());
    }
    if let Some(row) = &extras.credential {
        let is_holders =
            change.session.run.is_none() || leases::advance(connection, &change.session, row.version).await?;
        if !is_holders || !credentials::put(connection, row).await? {
            return Err(CommitError::CredentialConflict(id.clone()));
        }
    }
    for write in &change.writes {
        match write {
            Write::Offer { epoch, offer } => signaling::put_offer(connection, id, *epoch, offer).await?,
            Write::Answer { epoch, answer } => signaling::put_answer(connection, id, *epoch, answer).await?,
            Write::Candidates { epoch, side, candidates } => {
                signaling::append(connection, id, *epoch, *side, candidates).await?;
            }
            Write::Paste(number) => methods::put_paste(connection, id, *number, extras.paste.as_ref()).await?,
            Write::Event(event) => append_event(connection, id, event).await?,
            Write::JoinQueue => join_queue(connection, id, extras).await?,
            Write::PlanMachine(machine) => {
                machines::plan(connection, machine, change, extras.placement.as_ref()).await?;
            }
            Write::SawMachine(machine) => machines::saw_created(connection, machine, decided_at(change)).await?,
            Write::RetireMachine(machine) => {
                machines::retire(connection, machine, extras.keep_failed, decided_at(change)).await?;
            }
        }
    }
    if is_over(&change.session) {
        leases::release(connection, &change.session).await?;
    }
    Ok(())
}

/// Whether a run has come to its end, and nothing of it is left.
fn is_over(session: &Session) -> bool {
    session.run.is_some() && session.end().is_some() && session.machine.is_none()
}

/// False when there is such a session already.
async fn insert(connection: &mut SqliteConnection, session: &Session, key: Option<&str>) -> Result<bool, StoreError> {
    let columns = Columns::of(session);
    let done = sqlx::query(
        "INSERT INTO sessions (session, owner, provider, state, ended, deadline_at, queued_at, created_at, machine, body,
                               version, idempotency_key, method, run)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?) ON CONFLICT (session) DO NOTHING",
    )
    .bind(session.id.as_str())
    .bind(session.owner.as_str())
    .bind(session.provider.as_str())
    .bind(columns.state)
    .bind(columns.ended)
    .bind(columns.deadline_at)
    .bind(columns.queued_at)
    .bind(session.created_at.0)
    .bind(columns.machine)
    .bind(columns.body)
    .bind(key)
    .bind(word(&session.method))
    .bind(session.run.is_some())
    .execute(connection)
    .await
    .during(format!("insert session {}", session.id))?;
    Ok(done.rows_affected() == 1)
}

/// Whether its machine has a row; `None` when the session has another version.
async fn update(
    connection: &mut SqliteConnection,
    version: u64,
    session: &Session,
) -> Result<Option<bool>, StoreError> {
    let Ok(version) = i64::try_from(version) else { return Ok(None) };
    let columns = Columns::of(session);
    sqlx::query_scalar(
        "UPDATE sessions SET state = ?, ended = ?, deadline_at = ?, queued_at = ?, machine = ?, body = ?, version = version + 1
         WHERE session = ? AND version = ?
         RETURNING EXISTS (SELECT 1 FROM machines WHERE machines.machine = sessions.machine)",
    )
    .bind(columns.state)
    .bind(columns.ended)
    .bind(columns.deadline_at)
    .bind(columns.queued_at)
    .bind(columns.machine)
    .bind(columns.body)
    .bind(session.id.as_str())
    .bind(version)
    .fetch_optional(connection)
    .await
    .during(format!("update session {}", session.id))
}

async fn append_event(
    connection: &mut SqliteConnection,
    id: &SessionId,
    event: &SessionEvent,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO events (session, id, body) VALUES (?, ?, ?)")
        .bind(id.as_str())
        .bind(event.id)
        .bind(to_json(event))
        .execute(connection)
        .await
        .during(format!("append event {} of session {id}", event.id))?;
    Ok(())
}

/// The session stands in its table by now.
async fn join_queue(connection: &mut SqliteConnection, id: &SessionId, extras: &Extras) -> Result<(), CommitError> {
    let action = || format!("have session {id} wait for a place");
    let max = extras.max_queued;
    let max = max.ok_or_else(|| StoreError::new(action(), "who joins the queue says how long it may be"))?;
    let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions WHERE queued_at IS NOT NULL")
        .fetch_one(connection)
        .await
        .during(action())?;
    if waiting > i64::from(max) { Err(CommitError::NoCapacity(Full::Queue)) } else { Ok(()) }
}

pub(crate) async fn queue(database: &Database, limit: u32) -> Result<Vec<SessionId>, StoreError> {
    let action = "list the sessions that wait for a place";
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT session FROM sessions WHERE queued_at IS NOT NULL ORDER BY queued_at, number LIMIT ?",
    )
    .bind(limit)
    .fetch_all(&mut *database.reader().await?)
    .await
    .during(action)?;
    ids.iter().map(|id| from_word(id, action)).collect()
}

pub(crate) async fn one(database: &Database, id: &SessionId) -> Result<Option<Stored>, StoreError> {
    let rows = sqlx::query_as("SELECT body, version FROM sessions WHERE session = ?")
        .bind(id.as_str())
        .fetch_all(&mut *database.reader().await?)
        .await
        .during(format!("read session {id}"))?;
    Ok(read_all(rows)?.pop())
}

pub(crate) async fn live(
    database: &Database,
    after: Option<&SessionId>,
    limit: u32,
) -> Result<Vec<Stored>, StoreError> {
    // The words of its index: all sessions ever would be walked otherwise, every time.
    let rows = sqlx::query_as(
        "SELECT body, version FROM sessions WHERE (ended = 0 OR machine IS NOT NULL)
         AND number > coalesce((SELECT number FROM sessions WHERE session = ?), 0) ORDER BY number LIMIT ?",
    )
    .bind(after.map(SessionId::as_str))
    .bind(limit)
    .fetch_all(&mut *database.reader().await?)
    .await
    .during("list the live sessions")?;
    read_all(rows)
}

pub(crate) async fn newest_of(database: &Database, owner: &UserId, limit: u32) -> Result<Vec<Stored>, StoreError> {
    let rows = sqlx::query_as("SELECT body, version FROM sessions WHERE owner = ? ORDER BY number DESC LIMIT ?")
        .bind(owner.as_str())
        .bind(limit)
        .fetch_all(&mut *database.reader().await?)
        .await
        .during(format!("list the sessions of {owner}"))?;
    read_all(rows)
}

fn read_all(rows: Vec<(String, i64)>) -> Result<Vec<Stored>, StoreError> {
    let read = |(body, version): (String, i64)| {
        Ok(Stored { session: from_json(&body, "read a session")?, version: version.unsigned_abs() })
    };
    rows.into_iter().map(read).collect()
}

pub(crate) async fn by_key(
    connection: &mut SqliteConnection,
    owner: &UserId,
    key: &str,
) -> Result<Option<SessionId>, StoreError> {
    let action = || format!("find the session of {owner} by its idempotency key");
    let id: Option<String> = sqlx::query_scalar("SELECT session FROM sessions WHERE owner = ? AND idempotency_key = ?")
        .bind(owner.as_str())
        .bind(key)
        .fetch_optional(connection)
        .await
        .during(action())?;
    id.map(|id| from_word(&id, action())).transpose()
}

pub(crate) async fn events(
    database: &Database,
    id: &SessionId,
    after: u32,
    limit: u32,
) -> Result<Vec<SessionEvent>, StoreError> {
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM events WHERE session = ? AND id > ? ORDER BY id LIMIT ?")
            .bind(id.as_str())
            .bind(after)
            .bind(limit)
            .fetch_all(&mut *database.reader().await?)
            .await
            .during(format!("read the events of session {id}"))?;
    bodies.iter().map(|body| from_json(body, format_args!("read an event of session {id}"))).collect()
}
