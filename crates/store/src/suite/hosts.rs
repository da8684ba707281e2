//! Facts about who has an address, and about the hosts that people allow.

use std::net::Ipv4Addr;

use anteroom_protocol::HostPattern;
use anteroom_session::machine::Seen;

use super::fixtures::{NOW, Tested, machine_id, placed, pool, provider, start, user};
use crate::MAX_ALLOWED_HOSTS;

fn host(text: &str) -> HostPattern {
    text.parse().expect("it is a host")
}

pub async fn a_machine_is_found_by_its_address_until_it_is_gone(store: Tested) {
    start(&store, 1, &user(1), pool(9)).await;
    let placement = placed(pool(9)).placement.expect("it is placed");
    store.plan_pooled(&machine_id(2), &placement, NOW).await.unwrap();
    for (number, session) in [(1, true), (2, false)] {
        let row = store.machine(&machine_id(number)).await.unwrap().unwrap();
        let found = store.machine_by_address(row.address).await.unwrap().unwrap();
        assert_eq!((&found, found.session.is_some()), (&row, session));
    }
    let address = store.machine(&machine_id(1)).await.unwrap().unwrap().address;
    store.saw_machine(&machine_id(1), Seen::Gone, NOW).await.unwrap();
    assert_eq!(store.machine_by_address(address).await.unwrap(), None);
    assert_eq!(store.machine_by_address(Ipv4Addr::LOCALHOST).await.unwrap(), None);
}

pub async fn a_host_is_allowed_for_one_person_and_provider_until_it_is_taken_back(store: Tested) {
    let (codex, other) = (provider("codex"), provider("wrangler"));
    for (number, _) in [(1, ()), (2, ())] {
        start(&store, number, &user(u8::try_from(number).unwrap()), pool(9)).await;
    }
    let owner = &user(1);
    for text in ["sso.example", "*.example.com", "sso.example"] {
        assert!(store.allow_host(owner, &codex, &host(text), NOW).await.unwrap(), "{text}");
    }
    let all = [host("*.example.com"), host("sso.example")];
    assert_eq!(store.allowed_hosts(owner, &codex).await.unwrap(), all);
    assert_eq!(store.allowed_hosts(owner, &other).await.unwrap(), []);
    assert_eq!(store.allowed_hosts(&user(2), &codex).await.unwrap(), []);
    assert!(!store.disallow_host(&user(2), &codex, &all[1]).await.unwrap());
    assert!(store.disallow_host(owner, &codex, &all[1]).await.unwrap());
    assert!(!store.disallow_host(owner, &codex, &all[1]).await.unwrap());
    assert_eq!(store.allowed_hosts(owner, &codex).await.unwrap(), all[..1]);
}

pub async fn allowed_hosts_are_bounded(store: Tested) {
    start(&store, 1, &user(1), pool(9)).await;
    let (owner, codex) = (&user(1), provider("codex"));
    for number in 0..MAX_ALLOWED_HOSTS {
        assert!(store.allow_host(owner, &codex, &host(&format!("h{number}.example")), NOW).await.unwrap());
    }
    assert!(!store.allow_host(owner, &codex, &host("one.more.example"), NOW).await.unwrap());
    assert!(store.allow_host(owner, &codex, &host("h0.example"), NOW).await.unwrap(), "it is allowed already");
    assert_eq!(store.allowed_hosts(owner, &codex).await.unwrap().len(), MAX_ALLOWED_HOSTS as usize);
}
