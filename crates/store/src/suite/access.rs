//! Facts about the owner, links, cookies and tokens.

use anteroom_protocol::UnixMillis;
use tokio::task::JoinSet;

use super::fixtures::{NOW, Tested, digest, user};
use crate::AccessRow;

fn access(value: &str, owner: u8, expires_at: UnixMillis, once: bool) -> AccessRow {
    AccessRow { digest: digest(value), user: user(owner), expires_at, once }
}

pub async fn the_owner_is_made_once(store: Tested) {
    let mut calls = JoinSet::new();
    for number in 1..=4 {
        let store = store.clone();
        calls.spawn(async move { store.owner(&user(number), NOW).await.unwrap() });
    }
    let owners = calls.join_all().await;
    assert!(owners.iter().all(|owner| *owner == owners[0]), "{owners:?}");
    assert_eq!(store.owner(&user(9), NOW).await.unwrap(), owners[0]);
}

pub async fn only_the_owner_is_the_owner(store: Tested) {
    assert!(!store.is_owner(&user(1)).await.unwrap());
    store.owner(&user(1), NOW).await.unwrap();
    assert!(store.is_owner(&user(1)).await.unwrap());
    assert!(!store.is_owner(&user(2)).await.unwrap());
}

pub async fn a_link_works_once(store: Tested) {
    store.put_access(&access("link", 1, NOW.plus_ms(1), true), NOW).await.unwrap();
    store.put_access(&access("another", 2, NOW.plus_ms(1), true), NOW).await.unwrap();
    assert_eq!(store.use_link(&digest("link"), NOW).await.unwrap(), Some(user(1)));
    assert_eq!(store.use_link(&digest("link"), NOW).await.unwrap(), None);
    assert_eq!(store.use_link(&digest("unknown"), NOW).await.unwrap(), None);
    assert_eq!(store.use_link(&digest("another"), NOW).await.unwrap(), Some(user(2)));
}

pub async fn of_many_uses_of_a_link_one_works(store: Tested) {
    store.put_access(&access("link", 1, NOW.plus_ms(1), true), NOW).await.unwrap();
    let mut uses = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        uses.spawn(async move { store.use_link(&digest("link"), NOW).await.unwrap() });
    }
    let users: Vec<_> = uses.join_all().await.into_iter().flatten().collect();
    assert_eq!(users, [user(1)]);
}

pub async fn a_link_is_no_cookie_and_a_cookie_no_link(store: Tested) {
    store.put_access(&access("link", 1, NOW.plus_ms(1), true), NOW).await.unwrap();
    store.put_access(&access("cookie", 2, NOW.plus_ms(1), false), NOW).await.unwrap();
    assert_eq!(store.user_by_access(&digest("link"), NOW).await.unwrap(), None);
    assert_eq!(store.use_link(&digest("cookie"), NOW).await.unwrap(), None);
    for _ in 0..2 {
        assert_eq!(store.user_by_access(&digest("cookie"), NOW).await.unwrap(), Some(user(2)));
    }
    assert_eq!(store.user_by_access(&digest("unknown"), NOW).await.unwrap(), None);
}

pub async fn what_has_expired_opens_nothing(store: Tested) {
    let end = NOW.plus_ms(1000);
    store.put_access(&access("link", 1, end, true), NOW).await.unwrap();
    store.put_access(&access("cookie", 1, end, false), NOW).await.unwrap();
    assert_eq!(store.user_by_access(&digest("cookie"), end.plus_ms(-1)).await.unwrap(), Some(user(1)));
    assert_eq!(store.user_by_access(&digest("cookie"), end).await.unwrap(), None);
    assert_eq!(store.use_link(&digest("link"), end).await.unwrap(), None);
    // Also when the clock is set back afterwards: what has expired was forgotten.
    assert_eq!(store.use_link(&digest("link"), NOW).await.unwrap(), None);
}

pub async fn an_access_that_is_put_again_is_replaced(store: Tested) {
    store.put_access(&access("token", 1, NOW.plus_ms(1), false), NOW).await.unwrap();
    store.put_access(&access("token", 1, NOW.plus_ms(1000), false), NOW).await.unwrap();
    assert_eq!(store.user_by_access(&digest("token"), NOW.plus_ms(500)).await.unwrap(), Some(user(1)));
}

pub async fn what_has_expired_is_forgotten_by_the_next_that_is_put(store: Tested) {
    let end = NOW.plus_ms(1000);
    store.put_access(&access("old", 1, end, false), NOW).await.unwrap();
    store.put_access(&access("new", 1, end.plus_ms(1000), false), end).await.unwrap();
    // Also when the clock is set back afterwards.
    assert_eq!(store.user_by_access(&digest("old"), NOW).await.unwrap(), None);
    assert_eq!(store.user_by_access(&digest("new"), NOW).await.unwrap(), Some(user(1)));
}
