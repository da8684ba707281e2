//! The schema itself refuses what breaks an invariant, whoever writes, with whatever statement.

use anteroom_protocol::Epoch;
use anteroom_session::view::Views;
use anteroom_session::{Input, machine::Seen};
use anteroom_store::suite::{
    fixtures::{NOW, Tested, answer_input, handle, machine_id, offer_input, pool, session_id, start, user},
    leases::try_run,
    methods::paste,
    views::{answered, opening, view_id},
};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tempfile::TempDir;

use super::open;

/// A store with two sessions: the first answered, superseded and ended, its machine gone; the second fresh. The first
/// has a view that was answered and closed.
async fn filled() -> (Tested, SqliteConnection, TempDir) {
    let (store, directory) = open().await;
    start(&store, 1, &user(1), pool(9)).await;
    handle(&store, 1, answer_input(Epoch(1), "offer 1", "answer 1")).await;
    handle(&store, 1, offer_input("offer 2", 9)).await;
    view_and_close(&store).await;
    handle(&store, 1, Input::Cancel).await;
    store.saw_machine(&machine_id(1), Seen::Gone, NOW).await.unwrap();
    start(&store, 2, &user(1), pool(9)).await;
    paste(&store, 3, "one").await;
    try_run(&store, 4, 1).await.unwrap();
    let path = directory.path().join("anteroom.db");
    let connection = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    (store, connection, directory)
}

async fn view_and_close(store: &Tested) {
    let id = session_id(1);
    store.commit_views(&id, 0, &opening(&Views::default(), 1, 7, NOW)).await.unwrap();
    for step in 1..=2 {
        let stored = store.views(&id).await.unwrap();
        let view = store.view(&id, &view_id(7)).await.unwrap().unwrap();
        let reply = || stored.views.reply(&view, answered("a")).unwrap();
        let change = if step == 1 { reply() } else { stored.views.close(&view) };
        store.commit_views(&id, stored.version, &change.unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn statements_that_break_an_invariant_are_refused() {
    let (_store, mut connection, _directory) = filled().await;
    let (one, two, three, four) = (session_id(1), session_id(2), session_id(3), session_id(4));
    let machine = machine_id(2);
    let refused = [
        // no-overwrite, one-answer, no-lost-candidate
        (format!("UPDATE offers SET sdp = 'x' WHERE session = '{one}'"), "an offer never changes"),
        (format!("INSERT OR REPLACE INTO offers VALUES ('{one}', 2, 'x')"), "an offer is a new epoch"),
        (format!("INSERT INTO offers VALUES ('{one}', 2, 'x')"), "an offer is a new epoch"),
        (format!("INSERT INTO offers VALUES ('{one}', 4, 'x')"), "an offer is a new epoch"),
        (format!("UPDATE answers SET sdp = 'x' WHERE session = '{one}'"), "an answer never changes"),
        (format!("INSERT OR REPLACE INTO answers VALUES ('{one}', 1, 'x')"), "an epoch takes one answer"),
        (format!("INSERT INTO answers VALUES ('{one}', 7, 'x')"), "FOREIGN KEY"),
        (format!("INSERT INTO candidates VALUES ('{one}', 1, 'vm', 9, '{{}}')"), "a candidate log has no gaps"),
        (format!("INSERT OR REPLACE INTO candidates VALUES ('{one}', 1, 'vm', 1, '{{}}')"), "no gaps"),
        (format!("INSERT INTO candidates VALUES ('{one}', 1, 'guest', 1, '{{}}')"), "CHECK"),
        (format!("UPDATE candidates SET body = '{{}}' WHERE session = '{one}'"), "a candidate never changes"),
        // one-end
        (format!("UPDATE sessions SET state = 'failed', version = version + 1 WHERE session = '{one}'"), "ends once"),
        (format!("UPDATE sessions SET state = 'done', version = version + 1 WHERE session = '{two}'"), "CHECK"),
        (format!("UPDATE sessions SET state = 'failed', version = version + 1 WHERE session = '{two}'"), "CHECK"),
        (format!("UPDATE sessions SET state = 'queued', version = version + 1 WHERE session = '{two}'"), "CHECK"),
        (
            format!(
                "UPDATE sessions SET state = 'queued', queued_at = 1, version = version + 1 WHERE session = '{two}'"
            ),
            "CHECK",
        ),
        (format!("UPDATE sessions SET version = version - 1 WHERE session = '{two}'"), "version grows by one"),
        ("UPDATE events SET body = '{}'".to_owned(), "an event never changes"),
        (format!("INSERT INTO events VALUES ('{two}', 99, '{{}}')"), "an event log has no gaps"),
        // nothing-leaks: one address, one machine; gone is for good
        (format!("UPDATE machines SET seen = 'running' WHERE session = '{one}'"), "never comes back"),
        (format!("UPDATE machines SET seen = 'lost' WHERE session = '{two}'"), "CHECK"),
        (
            format!(
                "INSERT INTO machines SELECT NULL, 'mac', session, driver, address, wanted, seen, 0, 0, NULL, 0, '' FROM machines WHERE machine = '{machine}'"
            ),
            "UNIQUE",
        ),
        // one-machine, offer-first: a machine is bound once, by an offer
        (format!("UPDATE machines SET session = '{one}' WHERE machine = '{machine}'"), "serves one session"),
        (format!("UPDATE machines SET session = NULL WHERE machine = '{machine}'"), "serves one session"),
        (format!("DELETE FROM machines WHERE machine = '{machine}'"), "FOREIGN KEY"),
        // views: as offers, answers and logs; and over is for good
        ("UPDATE views SET state = 'answered'".to_owned(), "stays so"),
        ("UPDATE views SET view = 'vie'".to_owned(), "stays so"),
        ("INSERT OR REPLACE INTO views SELECT 1, view, session, 'offered', body FROM views".to_owned(), "begins once"),
        (format!("INSERT INTO views VALUES (NULL, 'vie', '{one}', 'answered', '{{}}')"), "begins once"),
        (format!("INSERT INTO views VALUES (NULL, 'vie', '{two}', 'offered', '{{}}')"), "FOREIGN KEY"),
        ("UPDATE view_answers SET sdp = 'x'".to_owned(), "the answer of a view never changes"),
        ("INSERT OR REPLACE INTO view_answers SELECT view, 'x' FROM views".to_owned(), "a view takes one answer"),
        ("UPDATE view_entries SET body = '{}'".to_owned(), "never changes"),
        (format!("INSERT OR REPLACE INTO view_entries SELECT '{one}', 1, view, '{{}}' FROM views"), "has no gaps"),
        (format!("INSERT INTO view_entries SELECT '{one}', 9, view, '{{}}' FROM views"), "has no gaps"),
        ("UPDATE view_logs SET version = version + 2".to_owned(), "grows by one"),
        // without a desktop
        (
            format!("UPDATE sessions SET method = 'paste', version = version + 1 WHERE session = '{two}'"),
            "keeps its method",
        ),
        ("UPDATE pastes SET sealed = '{}'".to_owned(), "a paste never changes"),
        (format!("INSERT INTO pastes VALUES ('{three}', 1, '{{}}')"), "have no gaps"),
        (format!("INSERT INTO pastes VALUES ('{three}', 3, '{{}}')"), "have no gaps"),
        (format!("INSERT INTO pastes VALUES ('{three}', 2, 'plain')"), "CHECK"),
        (format!("INSERT INTO offers VALUES ('{three}', 1, 'x')"), "an offer needs a session with a desktop"),
        // one-holder
        ("UPDATE sessions SET run = 1 - run, version = version + 1".to_owned(), "stays a run"),
        (format!("INSERT INTO offers VALUES ('{four}', 1, 'x')"), "an offer needs a session with a desktop"),
        (
            format!("INSERT OR REPLACE INTO leases SELECT credential, '{four}', 9, 0 FROM leases"),
            "a lease is of one run",
        ),
        (format!("INSERT INTO leases VALUES ('cre', '{two}', 1, 0)"), "a lease is of one run"),
        (format!("UPDATE leases SET session = '{two}'"), "stays with its run"),
        ("UPDATE leases SET version = version + 2".to_owned(), "its version grows by one"),
        ("DELETE FROM leases".to_owned(), "its machine is gone"),
        // sealed: a credential is JSON of a sealed one, at the least
        (
            "INSERT INTO credentials VALUES (NULL, 'cre', 1, 'usr', 'codex', NULL, NULL, 0, 0, 'plain', NULL, 'sign-in', NULL)".to_owned(),
            "CHECK",
        ),
    ];
    for (statement, rule) in refused {
        let outcome = sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut connection).await;
        let error = outcome.expect_err(&statement).to_string();
        assert!(error.contains(rule), "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_machine_without_an_offer_is_refused() {
    let (_store, mut connection, _directory) = filled().await;
    let waiting =
        "INSERT INTO sessions SELECT NULL, 'ses', owner, provider, 'waiting-for-offer', 0, NULL, NULL, 0, NULL, '{}', 1, NULL, 'desktop', 0
                   FROM sessions LIMIT 1";
    sqlx::query(waiting).execute(&mut connection).await.unwrap();
    let plan = "INSERT INTO machines VALUES (NULL, 'mac', 'ses', 'fake', 1, 'running', 'planned', 0, 0, NULL, 0, '')";
    let error = sqlx::query(plan).execute(&mut connection).await.unwrap_err().to_string();
    assert!(error.contains("a machine with a desktop needs a stored offer"), "{error}");
}

#[tokio::test]
async fn queries_that_run_for_each_request_walk_no_table() {
    let (_store, mut connection, _directory) = filled().await;
    for query in [
        "SELECT body, version FROM sessions WHERE session = ''",
        "SELECT session FROM sessions WHERE owner = '' AND idempotency_key = ''",
        "SELECT body, version FROM sessions WHERE owner = '' ORDER BY number DESC LIMIT 9",
        "SELECT body, version FROM sessions WHERE (ended = 0 OR machine IS NOT NULL)
             AND number > coalesce((SELECT number FROM sessions WHERE session = ''), 0) ORDER BY number LIMIT 9",
        "SELECT session FROM sessions WHERE queued_at IS NOT NULL ORDER BY queued_at, number LIMIT 9",
        "SELECT count(*) FROM sessions WHERE queued_at IS NOT NULL",
        "SELECT * FROM machines WHERE seen <> 'gone'
             AND number > coalesce((SELECT number FROM machines WHERE machine = ''), 0) ORDER BY number LIMIT 9",
        "SELECT address + 1 FROM machines AS one WHERE seen <> 'gone' AND address >= 1 AND address < 9
             AND NOT EXISTS (SELECT 1 FROM machines WHERE seen <> 'gone' AND address = one.address + 1)
             ORDER BY address LIMIT 1",
        "SELECT * FROM machines WHERE session IS NULL AND seen <> 'gone'
         UNION SELECT * FROM machines WHERE wanted = 'running' AND seen IN ('planned', 'creating') ORDER BY number LIMIT 9",
        "SELECT machines FROM machines_held WHERE owner = ''",
        "SELECT * FROM machines WHERE token_digest = '' AND wanted = 'running' AND seen <> 'gone'",
        "SELECT coalesce(max(seq), 0) FROM view_entries WHERE session = ''",
        "SELECT body FROM views WHERE session = '' AND state IN ('offered', 'answered') ORDER BY number",
        "SELECT body FROM views WHERE view = '' AND session = ''",
        "SELECT seq, view, body FROM view_entries WHERE session = '' AND seq > 1 ORDER BY seq LIMIT 9",
        "SELECT * FROM credentials WHERE owner = '' AND provider = '' ORDER BY version DESC LIMIT 1",
    ] {
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}")))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let walked = plan.iter().find(|step| step.3.starts_with("SCAN") && !step.3.contains("USING"));
        assert_eq!(walked, None, "{query}");
    }
}
