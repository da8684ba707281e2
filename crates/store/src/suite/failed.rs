//! Facts about the logs of failed machines.

use anteroom_protocol::session::{Reason, ReasonCode};
use anteroom_session::machine::Seen;

use super::fixtures::{NOW, Tested, machine_id, placed, pool, provider, session_id, start, user};
use crate::{FailedMachine, KEPT_LOG_BYTES, KEPT_LOGS};

fn reason(detail: &str) -> Reason {
    Reason { code: ReasonCode::DesktopFailed, detail: detail.to_owned() }
}

async fn plan_pooled(store: &Tested, number: u32) {
    let placement = placed(pool(200)).placement.expect("it is placed");
    store.plan_pooled(&machine_id(number), &placement, NOW).await.unwrap();
}

pub async fn a_log_is_kept_with_what_is_known_of_its_machine(store: Tested) {
    start(&store, 1, &user(1), pool(9)).await;
    plan_pooled(&store, 2).await;
    store.keep_log(&machine_id(1), &reason("no screen"), "one\n", NOW.plus_ms(5)).await.unwrap();
    store.keep_log(&machine_id(2), &reason("silent"), "", NOW.plus_ms(6)).await.unwrap();
    store.saw_machine(&machine_id(1), Seen::Gone, NOW).await.unwrap();
    let served = FailedMachine {
        machine: machine_id(1),
        session: Some(session_id(1)),
        provider: Some(provider("codex")),
        driver: String::from("fake"),
        created_at: NOW,
        failed_at: NOW.plus_ms(5),
        reason: reason("no screen"),
    };
    let pooled = FailedMachine {
        machine: machine_id(2),
        session: None,
        provider: None,
        failed_at: NOW.plus_ms(6),
        reason: reason("silent"),
        ..served.clone()
    };
    assert_eq!(store.failed_machines().await.unwrap(), [pooled, served.clone()]);
    assert_eq!(store.kept_log(&machine_id(1)).await.unwrap(), Some((served, String::from("one\n"))));
    assert_eq!(store.kept_log(&machine_id(9)).await.unwrap(), None);
    assert!(store.keep_log(&machine_id(9), &reason("?"), "", NOW).await.is_err(), "of no machine");
}

pub async fn a_log_is_kept_once_and_within_its_bound(store: Tested) {
    plan_pooled(&store, 1).await;
    let long = "ü".repeat(KEPT_LOG_BYTES / 2 + 1);
    assert!(store.keep_log(&machine_id(1), &reason("too long"), &long, NOW).await.is_err());
    assert_eq!(store.failed_machines().await.unwrap(), []);
    store.keep_log(&machine_id(1), &reason("first"), &"x".repeat(KEPT_LOG_BYTES), NOW).await.unwrap();
    store.keep_log(&machine_id(1), &reason("second"), "again", NOW).await.unwrap();
    let (failed, log) = store.kept_log(&machine_id(1)).await.unwrap().unwrap();
    assert_eq!((failed.reason, log.len()), (reason("first"), KEPT_LOG_BYTES));
}

pub async fn the_oldest_logs_are_forgotten_beyond_their_number(store: Tested) {
    for number in 1..=KEPT_LOGS + 2 {
        plan_pooled(&store, number).await;
        store.keep_log(&machine_id(number), &reason("why"), "log", NOW).await.unwrap();
    }
    let kept: Vec<_> = store.failed_machines().await.unwrap().into_iter().map(|failed| failed.machine).collect();
    let newest: Vec<_> = (3..=KEPT_LOGS + 2).rev().map(machine_id).collect();
    assert_eq!(kept, newest);
    assert_eq!(store.kept_log(&machine_id(2)).await.unwrap(), None);
}

pub async fn a_log_that_is_forgotten_is_gone(store: Tested) {
    plan_pooled(&store, 1).await;
    store.keep_log(&machine_id(1), &reason("why"), "log", NOW).await.unwrap();
    assert!(store.forget_log(&machine_id(1)).await.unwrap());
    assert!(!store.forget_log(&machine_id(1)).await.unwrap());
    assert_eq!(store.failed_machines().await.unwrap(), []);
}
