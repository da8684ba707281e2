//! The doctor's questions, put to a real relay on loopback.

mod support;

use std::net::SocketAddr;

use anteroom_relay::{
    Certificate,
    probe::{ProbeError, Way, probe},
};
use support::lab::Lab;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, UdpSocket},
};

#[tokio::test]
async fn a_relay_answers_by_udp_and_tcp_and_by_tls_only_to_who_trusts_it() {
    let lab = Lab::start().await;
    let addresses = lab.relay.addresses();
    for address in &addresses.listen {
        probe(Way::Udp, *address, "localhost").await.expect("an answer by UDP");
        probe(Way::Tcp, *address, "localhost").await.expect("an answer by TCP");
    }
    let told = probe(Way::Tls, addresses.tls[0], "localhost").await.expect_err("nobody vouches for the certificate");
    assert!(matches!(told, ProbeError::Untrusted(_)), "{told}");
}

#[tokio::test]
async fn a_closed_port_and_something_else_are_told_apart_from_a_relay() {
    let closed = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    assert!(matches!(probe(Way::Udp, closed, "localhost").await, Err(ProbeError::Io(_))));
    assert!(matches!(probe(Way::Tcp, closed, "localhost").await, Err(ProbeError::Io(_))));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let web: SocketAddr = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        // Open until the asker has gone.
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    });
    assert!(matches!(probe(Way::Tcp, web, "localhost").await, Err(ProbeError::NotTurn)));
    served.await.unwrap();
}

#[tokio::test]
async fn a_certificate_says_for_whom_it_is_and_until_when() {
    let lab = Lab::start().await;
    let path = lab.directory.path().join("seen.pem");
    std::fs::write(&path, &lab.certificate).unwrap();
    let certificate = Certificate::read(&path).unwrap();
    assert!(certificate.is_for("localhost"), "{certificate:?}");
    assert!(!certificate.is_for("example.com"), "{certificate:?}");
    assert!(certificate.self_signed && certificate.expires_at > support::lab::now());
    assert!(Certificate::read(&lab.directory.path().join("missing.pem")).is_err());
}

#[test]
fn a_star_stands_for_one_label() {
    let certificate = Certificate {
        expires_at: anteroom_protocol::UnixMillis(0),
        names: vec!["*.example.com".to_owned()],
        self_signed: false,
    };
    assert!(certificate.is_for("turn.example.com") && certificate.is_for("TURN.Example.COM"));
    assert!(!certificate.is_for("example.com") && !certificate.is_for("a.turn.example.com"));
}
