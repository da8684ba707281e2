//! Facts about the owner, links, cookies and tokens.

use anteroom_protocol::{TokenId, UnixMillis, access::Scope};
use tokio::task::JoinSet;

use super::fixtures::{NOW, Tested, digest, user};
use crate::{AccessRow, TokenRow};

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

fn token(value: &str, owner: u8, created_at: UnixMillis, expires_at: UnixMillis) -> TokenRow {
    let id = TokenId::from_random(
        value.bytes().chain(std::iter::repeat(0)).take(16).collect::<Vec<_>>().try_into().unwrap(),
    );
    let (name, scopes) = (value.to_owned(), [Scope::Run].into_iter().collect());
    let (digest, user) = (digest(value), user(owner));
    TokenRow { id, digest, user, name, scopes, created_at, expires_at, last_used_at: None }
}

pub async fn a_token_is_found_by_its_digest_until_it_expires_or_is_revoked_by_its_owner(store: Tested) {
    let end = NOW.plus_ms(1000);
    let row = token("one", 1, NOW, end);
    assert!(store.put_token(&row, 9).await.unwrap());
    assert_eq!(store.token(&digest("one"), end.plus_ms(-1)).await.unwrap(), Some(row.clone()));
    assert_eq!(store.token(&digest("one"), end).await.unwrap(), None);
    assert_eq!(store.token(&digest("another"), NOW).await.unwrap(), None);
    assert_eq!(store.user_by_access(&digest("one"), NOW).await.unwrap(), None, "it is no cookie");
    store.token_used(&row.id, NOW.plus_ms(5)).await.unwrap();
    let used = TokenRow { last_used_at: Some(NOW.plus_ms(5)), ..row.clone() };
    assert_eq!(store.token(&digest("one"), NOW).await.unwrap(), Some(used));
    assert!(!store.remove_token(&user(2), &row.id).await.unwrap(), "it is somebody else's");
    assert!(store.remove_token(&user(1), &row.id).await.unwrap());
    assert!(!store.remove_token(&user(1), &row.id).await.unwrap());
    assert_eq!(store.token(&digest("one"), NOW).await.unwrap(), None);
}

pub async fn a_person_has_so_many_tokens_and_sees_their_own_the_newest_first(store: Tested) {
    let end = NOW.plus_ms(1000);
    let rows: Vec<_> = (0..3).map(|n| token(&format!("token {n}"), 1, NOW.plus_ms(n), end)).collect();
    for row in &rows {
        assert!(store.put_token(row, 3).await.unwrap());
    }
    assert!(!store.put_token(&token("too many", 1, NOW, end), 3).await.unwrap());
    assert!(store.put_token(&token("of another", 2, NOW, end), 3).await.unwrap());
    let newest_first: Vec<_> = rows.iter().rev().cloned().collect();
    assert_eq!(store.tokens_of(&user(1), NOW).await.unwrap(), newest_first);
    assert_eq!(store.tokens_of(&user(1), end).await.unwrap(), []);
    // Those that have expired make room.
    assert!(store.put_token(&token("later", 1, end, end.plus_ms(1)), 3).await.unwrap());
}
