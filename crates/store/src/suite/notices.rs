//! Facts about what is told of credentials.

use anteroom_protocol::{NoticeId, UnixMillis, credential::Health};

use super::fixtures::{NOW, Tested, credential, credential_id, save, start_saving, user};
use crate::{MAX_NOTICES, NoticeRow};

fn notice(number: u32, due_at: UnixMillis) -> NoticeRow {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    let created_at = NOW.plus_ms(number.into());
    NoticeRow { id: NoticeId::from_random(bytes), body: String::from("{}"), created_at, attempts: 0, due_at }
}

pub async fn health_is_told_when_it_changes_and_nothing_is_as_good_as_connected(store: Tested) {
    let tell =
        async |health, number| store.tell_health(&credential_id(1), health, Some(&notice(number, NOW))).await.unwrap();
    assert!(!tell(Health::Connected, 1).await);
    assert!(tell(Health::NeedsSignIn, 2).await);
    assert!(!tell(Health::NeedsSignIn, 3).await);
    assert!(tell(Health::Connected, 4).await);
    assert!(store.tell_health(&credential_id(2), Health::Expiring, None).await.unwrap());
    assert_eq!(store.due_notices(NOW, 9).await.unwrap(), [notice(2, NOW), notice(4, NOW)]);
}

pub async fn what_was_told_of_a_credential_is_forgotten_with_it(store: Tested) {
    let saving = start_saving(&store, 1, &user(1)).await;
    save(&store, &saving, &credential(1, 1)).await.unwrap();
    let tell = async || store.tell_health(&credential_id(1), Health::Expiring, None).await.unwrap();
    assert!(tell().await && !tell().await);
    assert!(!store.remove_credential(&user(2), &credential_id(1)).await.unwrap(), "it is somebody else's");
    assert!(!tell().await);
    assert!(store.remove_credential(&user(1), &credential_id(1)).await.unwrap());
    assert!(tell().await);
}

pub async fn a_notice_is_due_until_it_is_removed_and_not_before_its_time(store: Tested) {
    let (now, later) = (notice(1, NOW), notice(2, NOW.plus_ms(5)));
    store.tell_health(&credential_id(1), Health::Expiring, Some(&later)).await.unwrap();
    store.tell_health(&credential_id(2), Health::Expiring, Some(&now)).await.unwrap();
    assert_eq!(store.due_notices(NOW, 9).await.unwrap(), std::slice::from_ref(&now));
    assert_eq!(store.due_notices(NOW.plus_ms(5), 1).await.unwrap(), std::slice::from_ref(&now));
    store.put_off_notice(&now.id, NOW.plus_ms(9)).await.unwrap();
    assert_eq!(store.due_notices(NOW.plus_ms(8), 9).await.unwrap(), std::slice::from_ref(&later));
    let tried = NoticeRow { attempts: 1, due_at: NOW.plus_ms(9), ..now.clone() };
    assert_eq!(store.due_notices(NOW.plus_ms(9), 9).await.unwrap(), [later.clone(), tried]);
    store.remove_notice(&now.id).await.unwrap();
    store.remove_notice(&now.id).await.unwrap();
    assert_eq!(store.due_notices(NOW.plus_ms(99), 9).await.unwrap(), [later]);
}

pub async fn the_oldest_notices_are_forgotten_beyond_their_number(store: Tested) {
    for number in 0..=MAX_NOTICES {
        let health = if number % 2 == 0 { Health::Expiring } else { Health::Connected };
        assert!(store.tell_health(&credential_id(1), health, Some(&notice(number, NOW))).await.unwrap());
    }
    let kept = store.due_notices(NOW, MAX_NOTICES + 1).await.unwrap();
    assert_eq!((kept.len(), kept[0].id.clone()), (MAX_NOTICES as usize, notice(1, NOW).id));
}
