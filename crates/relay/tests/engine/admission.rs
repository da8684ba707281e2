//! Who gets an allocation, and what is answered to those who do not.

use super::*;

#[test]
fn a_first_request_is_asked_for_a_credential_and_leaves_nothing_behind() {
    let mut lab = one(&session(1));
    let mut dialogue = Dialogue::new(&session(1), START);
    let request = dialogue.allocate();
    let outputs = lab.send(viewer(), &request);
    let [Output::ToClient { bytes, .. }] = &outputs[..] else { panic!("{outputs:?}") };
    let reply = dialogue.read(bytes);
    assert_eq!((reply.code, reply.challenged), (401, true));
    assert!(bytes.len() < 100, "{} bytes to whoever asks", bytes.len());
    assert_eq!(lab.allocations(), 0);
    assert!(!lab.engine.has_allocation(&viewer()));
}

#[test]
fn an_authentic_client_gets_an_address_for_ten_minutes() {
    let mut lab = one(&session(1));
    let mut dialogue = lab.client(viewer(), &session(1));
    let reply = lab.allocate(viewer(), &mut dialogue);
    let expected = Reply {
        relayed: Some(address(RELAYED)),
        mapped: Some(viewer().client),
        lifetime_s: Some(600),
        signed: true,
        ..Reply::default()
    };
    assert_eq!(reply, expected);
    assert!(lab.engine.has_allocation(&viewer()));
}

#[test]
fn a_repeated_allocate_gets_the_same_answer_and_another_one_is_refused() {
    let mut lab = one(&session(1));
    let mut dialogue = lab.client(viewer(), &session(1));
    let request = dialogue.allocate();
    let first = lab.ask(viewer(), &mut dialogue, &request);
    assert_eq!(lab.ask(viewer(), &mut dialogue, &request), first);
    assert_eq!(lab.allocate(viewer(), &mut dialogue).code, 437);
    assert_eq!(lab.allocations(), 1);
}

#[test]
fn credentials_that_we_did_not_make_are_refused() {
    let now = START.plus_ms(5_000);
    let of_another_secret = credentials::mint(&"another".to_owned().into(), &session(1), now, 600);
    let good = credentials::mint(&secret(), &session(1), now, 600);
    let of_another_session = credentials::mint(&secret(), &session(2), now, 600);
    let expired = credentials::mint(&secret(), &session(1), START, 5);
    let admin = credentials::password(&secret(), "admin");
    for (username, password) in [
        (&of_another_secret.username, of_another_secret.password.expose()),
        (&good.username, &"wrong".to_owned()),
        (&good.username, of_another_session.password.expose()),
        (&of_another_session.username, good.password.expose()),
        (&expired.username, expired.password.expose()),
        (&"admin".to_owned(), admin.expose()),
        (&String::new(), good.password.expose()),
    ] {
        let mut lab = one(&session(1));
        let mut dialogue = lab.client(viewer(), &session(1));
        dialogue.become_another(&Dialogue::with(username, password));
        let reply = lab.allocate(viewer(), &mut dialogue);
        assert_eq!((reply.code, reply.challenged), (401, true), "{username}");
        assert_eq!((lab.allocations(), lab.engine.stats().refused_credentials), (0, 1));
    }
}

#[test]
fn a_nonce_of_another_client_or_an_old_one_is_exchanged() {
    let mut lab = one(&session(1));
    let mut dialogue = lab.client(udp("198.51.100.7:1"), &session(1));
    let reply = lab.allocate(viewer(), &mut dialogue);
    assert_eq!((reply.code, reply.challenged), (438, true));
    assert_eq!(lab.allocate(viewer(), &mut dialogue).code, 0);

    let mut lab = one(&session(1));
    let mut dialogue = lab.client(viewer(), &session(1));
    lab.pass(3600);
    dialogue.become_another(&Dialogue::new(&session(1), lab.now().unix));
    assert_eq!(lab.allocate(viewer(), &mut dialogue).code, 438);
    assert_eq!(lab.allocate(viewer(), &mut dialogue).code, 0);
}

#[test]
fn quotas_hold_for_a_session_for_a_client_and_for_all() {
    let handles: Vec<_> = (1..=4).map(session).collect();
    let mut lab = Lab::new(&handles.iter().map(|handle| (handle.clone(), MACHINE)).collect::<Vec<_>>());
    let mut allocate = |client: &str, handle: &Handle| {
        let mut dialogue = lab.client(udp(client), handle);
        let reply = lab.allocate(udp(client), &mut dialogue);
        assert!(reply.signed);
        reply.code
    };
    assert_eq!(allocate("198.51.100.1:1", &handles[0]), 0);
    assert_eq!(allocate("198.51.100.2:1", &handles[0]), 0);
    assert_eq!(allocate("198.51.100.3:1", &handles[0]), 486, "two for a session");
    assert_eq!(allocate("198.51.100.1:2", &handles[1]), 0);
    assert_eq!(allocate("198.51.100.1:3", &handles[2]), 0);
    assert_eq!(allocate("198.51.100.1:4", &handles[3]), 486, "three for a client");
    assert_eq!(allocate("198.51.100.4:1", &handles[3]), 508, "four in all");
    assert_eq!(lab.engine.stats().refused_quota, 3);
    // What ends makes room.
    lab.engine.lost(&udp("198.51.100.1:1"));
    let _again = lab.allocated(udp("198.51.100.1:5"), &handles[0]);
}

#[test]
fn what_cannot_be_had_is_refused_by_its_own_code() {
    let tcp = RequestedTransport::new(6);
    let udp = RequestedTransport::new(RequestedTransport::UDP);
    let (v6, v4) = (RequestedAddressFamily::new(AddressFamily::IPV6), RequestedAddressFamily::new(AddressFamily::IPV4));
    let (even, whole) = (EvenPort::new(true), DontFragment::new());
    let wishes: [(&[&dyn AttributeWrite], u16); 6] = [
        (&[], 400),
        (&[&tcp], 442),
        (&[&udp, &v6], 440),
        (&[&udp, &even], 508),
        (&[&udp, &whole], 420),
        (&[&udp, &v4], 0),
    ];
    for (wish, code) in wishes {
        let mut lab = one(&session(1));
        let mut dialogue = lab.client(viewer(), &session(1));
        let request = dialogue.request(ALLOCATE, wish);
        let reply = lab.ask(viewer(), &mut dialogue, &request);
        assert_eq!((reply.code, reply.signed, reply.names_unknown), (code, true, code == 420));
        assert_eq!(lab.allocations(), u64::from(code == 0));
    }
}

#[test]
fn an_even_port_can_be_wanted() {
    let udp = RequestedTransport::new(RequestedTransport::UDP);
    let even_port = EvenPort::new(false);
    let wishes: [(&[&dyn AttributeWrite], bool); 2] = [(&[&udp], false), (&[&udp, &even_port], true)];
    for (wish, expected) in wishes {
        let mut lab = one(&session(1));
        let mut dialogue = lab.client(viewer(), &session(1));
        let request = dialogue.request(ALLOCATE, wish);
        let outputs = lab.send(viewer(), &request);
        let [Output::Open { even, .. }] = outputs[..] else { panic!("{outputs:?}") };
        assert_eq!(even, expected);
    }
}

#[test]
fn without_a_socket_there_is_no_allocation() {
    let mut lab = one(&session(1));
    let mut dialogue = lab.client(viewer(), &session(1));
    let request = dialogue.allocate();
    let outputs = lab.send(viewer(), &request);
    let [Output::Open { allocation: id, .. }] = outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(lab.send(viewer(), &request), [], "a repetition waits for the socket");
    let outputs = lab.engine.opened(id, None);
    let [Output::ToClient { bytes, .. }] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(dialogue.read(bytes).code, 508);
    assert_eq!(lab.allocations(), 0);
}

#[test]
fn a_socket_that_comes_too_late_is_closed() {
    let mut lab = one(&session(1));
    let mut dialogue = lab.client(viewer(), &session(1));
    let request = dialogue.allocate();
    let outputs = lab.send(viewer(), &request);
    let [Output::Open { allocation: id, .. }] = outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(lab.engine.lost(&viewer()), []);
    assert_eq!(lab.engine.opened(id, Some(address(RELAYED))), [Output::Close(id)]);
}

#[test]
fn anybody_learns_their_own_address() {
    let mut lab = one(&session(1));
    let mut dialogue = Dialogue::new(&session(1), START);
    for path in [viewer(), udp("[2001:db8::7]:4000"), stream(1, "198.51.100.7:4")] {
        let request = dialogue.binding();
        let reply = lab.ask(path, &mut dialogue, &request);
        assert_eq!(reply, Reply { mapped: Some(path.client), ..Reply::default() });
    }
}

#[test]
fn tcp_to_peers_is_no_request_of_ours() {
    let mut lab = one(&session(1));
    let (mut dialogue, _) = lab.permitted(viewer(), &session(1));
    let request = dialogue.request(CONNECT, &[]);
    assert_eq!(lab.ask(viewer(), &mut dialogue, &request).code, 400);
}

#[test]
fn what_is_no_turn_gets_no_answer() {
    let mut lab = one(&session(1));
    let mut dialogue = lab.client(viewer(), &session(1));
    let request = dialogue.allocate();
    let mut longer = request.clone();
    // A whole attribute that the length does not count.
    longer.extend([0x80, 0x22, 0, 0]);
    let mut wrong_fingerprint = request.clone();
    *wrong_fingerprint.last_mut().expect("not empty") ^= 1;
    let mut response = request.clone();
    response[0] = 1;
    for bytes in [
        &b""[..],
        b"\0",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 40],
        &[0x40; 3],
        &request[..30],
        &longer,
        &wrong_fingerprint,
        &response,
        &vec![0x40; 9000],
    ] {
        assert_eq!(lab.send(viewer(), bytes), [], "{} bytes", bytes.len());
    }
}
