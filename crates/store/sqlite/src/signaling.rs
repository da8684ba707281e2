//! Offers, answers and candidates. They are only ever inserted; the schema refuses anything else.

use anteroom_protocol::{
    Epoch, Secret, SessionId,
    signaling::{Answer, AnswerType, Candidate, LoggedCandidate, Offer, OfferType, Side},
};
use anteroom_store::StoreError;
use sqlx::SqliteConnection;

use crate::{
    database::{Database, During as _},
    words::{from_json, to_json, word},
};

pub(crate) async fn put_offer(
    connection: &mut SqliteConnection,
    id: &SessionId,
    epoch: Epoch,
    offer: &Offer,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO offers (session, epoch, sdp) VALUES (?, ?, ?)")
        .bind(id.as_str())
        .bind(epoch.0)
        .bind(offer.sdp.expose())
        .execute(connection)
        .await
        .during(format!("insert the offer of epoch {epoch} of session {id}"))?;
    Ok(())
}

pub(crate) async fn put_answer(
    connection: &mut SqliteConnection,
    id: &SessionId,
    epoch: Epoch,
    answer: &Answer,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO answers (session, epoch, sdp) VALUES (?, ?, ?)")
        .bind(id.as_str())
        .bind(epoch.0)
        .bind(answer.sdp.expose())
        .execute(connection)
        .await
        .during(format!("insert the answer of epoch {epoch} of session {id}"))?;
    Ok(())
}

pub(crate) async fn append(
    connection: &mut SqliteConnection,
    id: &SessionId,
    epoch: Epoch,
    side: Side,
    candidates: &[LoggedCandidate],
) -> Result<(), StoreError> {
    for logged in candidates {
        sqlx::query("INSERT INTO candidates (session, epoch, side, seq, body) VALUES (?, ?, ?, ?, ?)")
            .bind(id.as_str())
            .bind(epoch.0)
            .bind(word(&side))
            .bind(logged.seq)
            .bind(to_json(&logged.candidate))
            .execute(&mut *connection)
            .await
            .during(format!("append candidate {} of {} in epoch {epoch} of session {id}", logged.seq, word(&side)))?;
    }
    Ok(())
}

pub(crate) async fn offer(database: &Database, id: &SessionId, epoch: Epoch) -> Result<Option<Offer>, StoreError> {
    let sdp: Option<String> = sqlx::query_scalar("SELECT sdp FROM offers WHERE session = ? AND epoch = ?")
        .bind(id.as_str())
        .bind(epoch.0)
        .fetch_optional(&mut *database.reader().await?)
        .await
        .during(format!("read the offer of epoch {epoch} of session {id}"))?;
    Ok(sdp.map(|sdp| Offer { kind: OfferType::Offer, sdp: Secret::new(sdp) }))
}

pub(crate) async fn answer(database: &Database, id: &SessionId, epoch: Epoch) -> Result<Option<Answer>, StoreError> {
    let sdp: Option<String> = sqlx::query_scalar("SELECT sdp FROM answers WHERE session = ? AND epoch = ?")
        .bind(id.as_str())
        .bind(epoch.0)
        .fetch_optional(&mut *database.reader().await?)
        .await
        .during(format!("read the answer of epoch {epoch} of session {id}"))?;
    Ok(sdp.map(|sdp| Answer { kind: AnswerType::Answer, sdp: Secret::new(sdp) }))
}

pub(crate) async fn candidates(
    database: &Database,
    id: &SessionId,
    epoch: Epoch,
    side: Side,
    after: u32,
) -> Result<Vec<LoggedCandidate>, StoreError> {
    let action = || format!("read the candidates of {} in epoch {epoch} of session {id}", word(&side));
    let rows: Vec<(u32, String)> = sqlx::query_as(
        "SELECT seq, body FROM candidates WHERE session = ? AND epoch = ? AND side = ? AND seq > ? ORDER BY seq",
    )
    .bind(id.as_str())
    .bind(epoch.0)
    .bind(word(&side))
    .bind(after)
    .fetch_all(&mut *database.reader().await?)
    .await
    .during(action())?;
    let read = |(seq, body): (u32, String)| {
        let candidate: Candidate = from_json(&body, action())?;
        Ok(LoggedCandidate { seq, candidate })
    };
    rows.into_iter().map(read).collect()
}
