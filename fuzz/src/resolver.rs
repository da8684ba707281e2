//! Names: what a machine asks, and what a name server of somebody else's answers.

use std::net::{IpAddr, Ipv4Addr};

use anteroom_machines::walled::is_walled;
use anteroom_protocol::HostName;
use anteroom_resolver::message::{Answer, MAX_ADDRESSES, MAX_TTL_SECONDS, Question, Reply, answer};

/// Whatever a machine asks, a reply fits into the smallest datagram, and the host is one that is compared with a list as it
/// is.
pub fn question(data: &[u8]) {
    let Ok(question) = Question::read(data) else { return };
    if let Some(host) = question.host() {
        let again: HostName = host.as_str().parse().expect("a host's name is one");
        assert_eq!(again, *host);
        assert!(host.as_str().bytes().all(|byte| !byte.is_ascii_uppercase() && byte != b'*'));
    }
    let many = vec![Ipv4Addr::new(93, 0, 0, 1); 2 * MAX_ADDRESSES];
    for reply in [Reply::Addresses(many, 60), Reply::Nothing, Reply::Missing, Reply::Failed] {
        let bytes = question.reply(&reply).expect("what was read can be answered");
        assert!(bytes.len() <= 512, "{} bytes", bytes.len());
        // It is no question: nobody answers it.
        assert!(Question::read(&bytes).is_err());
    }
}

/// Whatever a name server says, only public addresses come of it, a few, for a short time.
pub fn answers(data: &[u8]) {
    let host: HostName = "auth.example".parse().expect("it is a name");
    let id = data.first_chunk::<2>().map_or(0, |bytes| u16::from_be_bytes(*bytes));
    if let Ok(Answer::Reply(Reply::Addresses(addresses, ttl))) = answer(data, &host, id) {
        assert!((1..=MAX_ADDRESSES).contains(&addresses.len()));
        assert!((1..=MAX_TTL_SECONDS).contains(&ttl));
        assert!(addresses.iter().all(|address| !is_walled(IpAddr::V4(*address))));
    }
}
