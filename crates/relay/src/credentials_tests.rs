use anteroom_protocol::{SessionId, TicketId};

use super::*;

const NOW: UnixMillis = UnixMillis(1_800_000_000_500);

fn secret() -> Secret<String> {
    Secret::new("north".to_owned())
}

fn session() -> Handle {
    Handle::Session(SessionId::from_random([5; 16]))
}

#[test]
fn a_username_says_until_when_and_for_whom() {
    let ticket = Handle::Ticket(TicketId::from_random([1; 16]));
    for handle in [session(), ticket] {
        let minted = mint(&secret(), &handle, NOW, 600);
        assert_eq!(minted.username, format!("1800000600:{handle}"));
        assert_eq!(minted.expires_at, UnixMillis(1_800_000_600_000));
        assert_eq!(read(&minted.username), Some(Claim { handle, expires_at: minted.expires_at }));
    }
}

/// The expected value was made with `printf %s NAME | openssl dgst -sha1 -hmac north -binary | base64`.
#[test]
fn the_password_is_the_hmac_of_the_username_in_base64() {
    let password = password(&secret(), "1800000600:s-ses_00000000000000000000000000");
    assert_eq!(password.expose(), "IANQuDMy2RSXtAPOg2/xgtub78U=");
}

#[test]
fn credentials_expire_at_their_second() {
    let claim = read(&mint(&secret(), &session(), NOW, 600).username).expect("we made it");
    assert!(!claim.has_expired(UnixMillis(1_800_000_599_999)));
    assert!(claim.has_expired(UnixMillis(1_800_000_600_000)));
}

#[test]
fn usernames_that_we_never_make_are_not_read() {
    let handle = session();
    for username in [
        String::new(),
        format!("{handle}"),
        format!(":{handle}"),
        format!("+1800000600:{handle}"),
        format!("-1:{handle}"),
        format!("99999999999999999999:{handle}"),
        format!("9223372036854775807:{handle}"),
        format!("1800000600:{handle}:{handle}"),
        format!("{}1800000600:{handle}", "0".repeat(64)),
        "1800000600:admin".to_owned(),
    ] {
        assert_eq!(read(&username), None, "{username}");
    }
}

#[test]
fn credentials_print_no_password() {
    let minted = mint(&secret(), &session(), NOW, 600);
    assert!(!format!("{minted:?}").contains(minted.password.expose().as_str()));
}
