//! Machine rows: intents, what was seen, addresses and tokens' digests.

use std::net::Ipv4Addr;

use anteroom_protocol::{MachineId, UnixMillis, UserId};
use anteroom_session::{
    Change,
    machine::{MachineRow, Seen, Wanted},
};
use anteroom_store::{AddressPool, CommitError, Full, MAX_STOCK, Placement, StoreError, TokenDigest, decided_at};
use sqlx::{SqliteConnection, sqlite::SqliteQueryResult};

use crate::{
    database::{Database, During as _},
    words::{from_word, word},
};

/// A row as it stands in the table.
#[derive(sqlx::FromRow)]
struct Columns {
    machine: String,
    session: Option<String>,
    driver: String,
    address: u32,
    wanted: String,
    seen: String,
    attempts: u32,
    created_at: i64,
    made_from: String,
}

impl Columns {
    fn read(self) -> Result<MachineRow, StoreError> {
        let action = format_args!("read machine {}", self.machine);
        Ok(MachineRow {
            id: from_word(&self.machine, action)?,
            session: self.session.map(|session| from_word(&session, action)).transpose()?,
            driver: self.driver,
            address: Ipv4Addr::from_bits(self.address),
            wanted: from_word(&self.wanted, action)?,
            seen: from_word(&self.seen, action)?,
            attempts: self.attempts,
            created_at: UnixMillis(self.created_at),
            made_from: self.made_from,
        })
    }
}

/// Binds the session to the pooled machine of this id, or stores the intent to make one when there is none.
pub(crate) async fn plan(
    connection: &mut SqliteConnection,
    id: &MachineId,
    change: &Change,
    placement: Option<&Placement>,
) -> Result<(), CommitError> {
    let session = &change.session;
    let action = || format!("plan machine {id} for session {}", session.id);
    let placement = placement.ok_or_else(|| StoreError::new(action(), "a planned machine needs a placement"))?;
    if owned_by(connection, &session.owner).await.during(action())? >= placement.pool.max_machines_per_owner {
        return Err(CommitError::NoCapacity(Full::Owner));
    }
    let bound = sqlx::query(
        "UPDATE machines SET session = ? WHERE machine = ? AND session IS NULL AND wanted = 'running' AND seen <> 'gone'",
    )
    .bind(session.id.as_str())
    .bind(id.as_str())
    .execute(&mut *connection)
    .await
    .during(action())?;
    if bound.rows_affected() == 1 {
        return Ok(());
    }
    let known: Option<i64> = sqlx::query_scalar("SELECT 1 FROM machines WHERE machine = ?")
        .bind(id.as_str())
        .fetch_optional(&mut *connection)
        .await
        .during(action())?;
    if known.is_some() {
        return Err(CommitError::MachineTaken(id.clone()));
    }
    insert(connection, id, Some(session.id.as_str()), placement, decided_at(change)).await
}

pub(crate) async fn plan_pooled(
    database: &Database,
    id: &MachineId,
    placement: &Placement,
    now: UnixMillis,
) -> Result<(), CommitError> {
    let action = || format!("store the pooled machine {id}");
    let mut turn = database.turn(action).await?;
    let inserted = insert(&mut turn, id, None, placement, now).await;
    turn.end(inserted, action).await
}

async fn insert(
    connection: &mut SqliteConnection,
    id: &MachineId,
    session: Option<&str>,
    placement: &Placement,
    now: UnixMillis,
) -> Result<(), CommitError> {
    let action = || format!("plan machine {id}");
    let address = free_address(connection, &placement.pool).await.during(action())?;
    let address = address.ok_or(CommitError::NoCapacity(Full::Machines))?;
    sqlx::query(
        "INSERT INTO machines (machine, session, driver, address, wanted, seen, seen_at, attempts, created_at, made_from)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?7, ?8)",
    )
    .bind(id.as_str())
    .bind(session)
    .bind(&placement.driver)
    .bind(address.to_bits())
    .bind(word(&Wanted::Running))
    .bind(word(&Seen::Planned))
    .bind(now.0)
    .bind(&placement.made_from)
    .execute(connection)
    .await
    .during(action())?;
    Ok(())
}

/// Machines of this owner's sessions that are not gone.
async fn owned_by(connection: &mut SqliteConnection, owner: &UserId) -> Result<u32, sqlx::Error> {
    let held = sqlx::query_scalar("SELECT machines FROM machines_held WHERE owner = ?").bind(owner.as_str());
    Ok(held.fetch_optional(connection).await?.unwrap_or(0))
}

/// The next address, if there is place for a machine. Called within the transaction that writes, so that nobody else can
/// take it meanwhile. Ten thousand machines must not make a click slower: what is counted is kept by triggers, and only
/// addresses that are held side by side are walked over.
async fn free_address(connection: &mut SqliteConnection, pool: &AddressPool) -> Result<Option<Ipv4Addr>, sqlx::Error> {
    let held: i64 =
        sqlx::query_scalar("SELECT coalesce(sum(machines), 0) FROM machines_held").fetch_one(&mut *connection).await?;
    if held >= i64::from(pool.max_machines) {
        return Ok(None);
    }
    let latest: Option<u32> =
        sqlx::query_scalar("SELECT address FROM machines WHERE address BETWEEN ? AND ? ORDER BY number DESC LIMIT 1")
            .bind(pool.first.to_bits())
            .bind(pool.last.to_bits())
            .fetch_optional(&mut *connection)
            .await?;
    for (from, to) in pool.round(latest.map(Ipv4Addr::from_bits)) {
        if let Some(free) = free_between(connection, from, to).await? {
            return Ok(Some(free));
        }
    }
    Ok(None)
}

/// The first one that nobody holds: `from`, or the one after the first held one that has no held neighbour.
async fn free_between(
    connection: &mut SqliteConnection,
    from: Ipv4Addr,
    to: Ipv4Addr,
) -> Result<Option<Ipv4Addr>, sqlx::Error> {
    let free: Option<u32> = sqlx::query_scalar(
        "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM machines WHERE seen <> 'gone' AND address = ?1) THEN ?1 ELSE
             (SELECT address + 1 FROM machines AS one WHERE seen <> 'gone' AND address >= ?1 AND address < ?2
              AND NOT EXISTS (SELECT 1 FROM machines WHERE seen <> 'gone' AND address = one.address + 1)
              ORDER BY address LIMIT 1) END",
    )
    .bind(from.to_bits())
    .bind(to.to_bits())
    .fetch_one(connection)
    .await?;
    Ok(free.map(Ipv4Addr::from_bits))
}

pub(crate) async fn retire_pooled(database: &Database, id: &MachineId) -> Result<bool, StoreError> {
    let action = || format!("retire the pooled machine {id}");
    let mut turn = database.turn(action).await?;
    let done = sqlx::query(
        "UPDATE machines SET wanted = 'gone' WHERE machine = ? AND session IS NULL AND wanted = 'running' AND seen <> 'gone'",
    )
    .bind(id.as_str())
    .execute(&mut *turn)
    .await
    .during(action());
    turn.end(done.map(|done| done.rows_affected() == 1), action).await
}

/// Has the machine destroyed, or kept when it runs and failed machines are.
pub(crate) async fn retire(
    connection: &mut SqliteConnection,
    id: &MachineId,
    keep: Option<u32>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let action = || format!("retire machine {id}");
    let keeps = keep.unwrap_or(0);
    let done = sqlx::query(
        "UPDATE machines SET wanted = iif(?1 > 0 AND seen = 'running', 'kept', 'gone'), seen_at = ?2 WHERE machine = ?3",
    )
    .bind(keeps)
    .bind(now.0)
    .bind(id.as_str())
    .execute(&mut *connection)
    .await;
    must_exist(done, action)?;
    if keeps == 0 {
        return Ok(());
    }
    sqlx::query(
        "UPDATE machines SET wanted = 'gone' WHERE wanted = 'kept' AND seen <> 'gone' AND number NOT IN
             (SELECT number FROM machines WHERE wanted = 'kept' AND seen <> 'gone' ORDER BY seen_at DESC, number DESC LIMIT ?)",
    )
    .bind(keeps)
    .execute(connection)
    .await
    .during(action())?;
    Ok(())
}

pub(crate) async fn retire_kept(database: &Database, id: &MachineId) -> Result<bool, StoreError> {
    let action = || format!("retire the kept machine {id}");
    let mut turn = database.turn(action).await?;
    let done =
        sqlx::query("UPDATE machines SET wanted = 'gone' WHERE machine = ? AND wanted = 'kept' AND seen <> 'gone'")
            .bind(id.as_str())
            .execute(&mut *turn)
            .await
            .during(action());
    turn.end(done.map(|done| done.rows_affected() == 1), action).await
}

pub(crate) async fn saw_created(
    connection: &mut SqliteConnection,
    id: &MachineId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let action = || format!("store that machine {id} was heard");
    sqlx::query("UPDATE machines SET seen = ?, seen_at = ? WHERE machine = ? AND seen = ?")
        .bind(word(&Seen::Running))
        .bind(now.0)
        .bind(id.as_str())
        .bind(word(&Seen::Creating))
        .execute(connection)
        .await
        .during(action())?;
    Ok(())
}

pub(crate) async fn begin_creating(database: &Database, id: &MachineId, token: &TokenDigest) -> Result<(), StoreError> {
    let action = || format!("begin to create machine {id}");
    let mut turn = database.turn(action).await?;
    let done = sqlx::query("UPDATE machines SET seen = ?, attempts = attempts + 1, token_digest = ? WHERE machine = ?")
        .bind(word(&Seen::Creating))
        .bind(&token.0)
        .bind(id.as_str())
        .execute(&mut *turn)
        .await;
    turn.end(must_exist(done, action), action).await
}

pub(crate) async fn saw(database: &Database, id: &MachineId, seen: Seen, now: UnixMillis) -> Result<(), StoreError> {
    let action = || format!("store that machine {id} was seen {}", word(&seen));
    let mut turn = database.turn(action).await?;
    let done = sqlx::query(
        "UPDATE machines SET seen = ?1, seen_at = ?2, token_digest = iif(?1 = 'gone', NULL, token_digest)
         WHERE machine = ?3",
    )
    .bind(word(&seen))
    .bind(now.0)
    .bind(id.as_str())
    .execute(&mut *turn)
    .await;
    turn.end(must_exist(done, action), action).await
}

fn must_exist(done: Result<SqliteQueryResult, sqlx::Error>, action: impl Fn() -> String) -> Result<(), StoreError> {
    match done.during(action())?.rows_affected() {
        0 => Err(StoreError::new(action(), "there is no such machine")),
        _ => Ok(()),
    }
}

pub(crate) async fn one(database: &Database, id: &MachineId) -> Result<Option<MachineRow>, StoreError> {
    sqlx::query_as::<_, Columns>("SELECT * FROM machines WHERE machine = ?")
        .bind(id.as_str())
        .fetch_optional(&mut *database.reader().await?)
        .await
        .during(format!("read machine {id}"))?
        .map(Columns::read)
        .transpose()
}

pub(crate) async fn stock(database: &Database) -> Result<Vec<MachineRow>, StoreError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT * FROM machines WHERE session IS NULL AND seen <> 'gone'
         UNION SELECT * FROM machines WHERE wanted = 'running' AND seen IN ('planned', 'creating') ORDER BY number LIMIT ?",
    )
    .bind(MAX_STOCK)
    .fetch_all(&mut *database.reader().await?)
    .await
    .during("list the machines that wait or are being made")?;
    rows.into_iter().map(Columns::read).collect()
}

pub(crate) async fn not_gone(
    database: &Database,
    after: Option<&MachineId>,
    limit: u32,
) -> Result<Vec<MachineRow>, StoreError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "SELECT * FROM machines WHERE seen <> 'gone'
         AND number > coalesce((SELECT number FROM machines WHERE machine = ?), 0) ORDER BY number LIMIT ?",
    )
    .bind(after.map(MachineId::as_str))
    .bind(limit)
    .fetch_all(&mut *database.reader().await?)
    .await
    .during("list the machines")?;
    rows.into_iter().map(Columns::read).collect()
}

pub(crate) async fn by_address(database: &Database, address: Ipv4Addr) -> Result<Option<MachineRow>, StoreError> {
    sqlx::query_as::<_, Columns>("SELECT * FROM machines WHERE address = ? AND seen <> 'gone'")
        .bind(address.to_bits())
        .fetch_optional(&mut *database.reader().await?)
        .await
        .during("find a machine by its address")?
        .map(Columns::read)
        .transpose()
}

pub(crate) async fn by_token(database: &Database, token: &TokenDigest) -> Result<Option<MachineRow>, StoreError> {
    sqlx::query_as::<_, Columns>(
        "SELECT * FROM machines WHERE token_digest = ? AND wanted <> 'gone' AND seen <> 'gone'",
    )
    .bind(&token.0)
    .fetch_optional(&mut *database.reader().await?)
    .await
    .during("find a machine by its token")?
    .map(Columns::read)
    .transpose()
}
