use hickory_proto::rr::rdata::{AAAA, CNAME, TXT};

use super::*;

const ID: u16 = 7;

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn host_named(text: &str) -> HostName {
    text.parse().unwrap()
}

fn question(asked: &str, kind: RecordType) -> Message {
    let mut message = Message::new(ID, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name(asked), kind));
    message
}

fn read(message: &Message) -> Result<Question, Unreadable> {
    Question::read(&message.to_vec().unwrap())
}

fn a(owner: &str, ttl: u32, address: [u8; 4]) -> Record {
    Record::from_rdata(name(owner), ttl, RData::A(Ipv4Addr::from(address).into()))
}

fn alias(owner: &str, ttl: u32, to: &str) -> Record {
    Record::from_rdata(name(owner), ttl, RData::CNAME(CNAME(name(to))))
}

/// A name server's message with these records for auth.example.
fn said(records: Vec<Record>) -> Message {
    let mut message = Message::response(ID, OpCode::Query);
    message.add_query(Query::query(name("auth.example."), RecordType::A));
    for record in records {
        message.add_answer(record);
    }
    message
}

fn answered(message: &Message) -> Result<Answer, Unreadable> {
    answer(&message.to_vec().unwrap(), &host_named("auth.example"), ID)
}

fn addresses_of(records: Vec<Record>) -> Reply {
    match answered(&said(records)) {
        Ok(Answer::Reply(reply)) => reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_question_is_read_whatever_its_letters_and_one_that_is_none_is_refused() {
    let read_host = |asked| read(&question(asked, RecordType::A)).unwrap().host().cloned();
    assert_eq!(read_host("AUTH.Example."), Some(host_named("auth.example")));
    assert_eq!(read_host("."), None);
    assert_eq!(read_host("4.3.2.1."), None, "an address is no host's name");
    let mut two = question("auth.example.", RecordType::A);
    two.add_query(Query::query(name("evil.example."), RecordType::A));
    assert_eq!(read(&two), Err(Unreadable::NoQuestion));
    assert_eq!(read(&said(vec![])), Err(Unreadable::NoQuestion), "an answer");
    assert_eq!(Question::read(b"GET / HTTP/1.1"), Err(Unreadable::Format));
}

/// What is compared with a list is what programs mean.
#[test]
fn a_dot_within_a_label_makes_no_other_name() {
    let sly = Name::from_labels([&b"auth.example"[..], b"evil", b"example"]).unwrap();
    let mut message = Message::new(ID, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(sly, RecordType::A));
    assert_eq!(read(&message).unwrap().host(), None);
}

#[test]
fn only_ipv4_addresses_are_a_question_for_addresses() {
    for (kind, addresses) in
        [(RecordType::A, true), (RecordType::AAAA, false), (RecordType::TXT, false), (RecordType::HTTPS, false)]
    {
        assert_eq!(read(&question("auth.example.", kind)).unwrap().asks_for_addresses(), addresses, "{kind}");
    }
}

#[test]
fn a_reply_repeats_the_question_and_fits_into_the_smallest_datagram() {
    let long = format!("{}.{}.{}.{}.", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(59));
    let asked = read(&question(&long, RecordType::A)).unwrap();
    let many = (1..=99).map(|last| Ipv4Addr::new(93, 0, 0, last)).collect();
    let bytes = asked.reply(&Reply::Addresses(many, 60)).unwrap();
    assert!(bytes.len() <= 512, "{} bytes", bytes.len());
    let heard = Message::from_vec(&bytes).unwrap();
    assert_eq!((heard.metadata.id, heard.metadata.message_type), (ID, MessageType::Response));
    assert_eq!((heard.queries[0].name.clone(), heard.answers.len()), (name(&long), MAX_ADDRESSES));
    for (reply, code) in [
        (Reply::Nothing, ResponseCode::NoError),
        (Reply::Missing, ResponseCode::NXDomain),
        (Reply::Failed, ResponseCode::ServFail),
    ] {
        let heard = Message::from_vec(&asked.reply(&reply).unwrap()).unwrap();
        assert_eq!((heard.metadata.response_code, heard.answers.len()), (code, 0));
    }
}

#[test]
fn addresses_are_found_behind_aliases_and_the_shortest_time_counts() {
    let reply = addresses_of(vec![
        a("edge.cdn.example.", 200, [93, 0, 0, 1]),
        alias("auth.example.", 250, "front.example."),
        alias("FRONT.example.", 60, "edge.cdn.example."),
        a("edge.cdn.example.", 120, [93, 0, 0, 2]),
    ]);
    assert_eq!(reply, Reply::Addresses(vec![Ipv4Addr::new(93, 0, 0, 1), Ipv4Addr::new(93, 0, 0, 2)], 60));
}

#[test]
fn addresses_of_other_names_are_not_handed_on() {
    let other = vec![a("evil.example.", 60, [93, 0, 0, 1])];
    assert_eq!(addresses_of(other), Reply::Nothing);
    let beside = vec![a("auth.example.", 60, [93, 0, 0, 1]), a("evil.example.", 60, [93, 0, 0, 2])];
    assert_eq!(addresses_of(beside), Reply::Addresses(vec![Ipv4Addr::new(93, 0, 0, 1)], 60));
}

/// DNS rebinding.
#[test]
fn walled_addresses_are_left_out_and_a_name_that_has_no_other_has_none() {
    let private = [[10, 87, 0, 1], [192, 168, 3, 4], [127, 0, 0, 1], [169, 254, 169, 254]];
    let records = private.map(|address| a("auth.example.", 60, address)).to_vec();
    assert_eq!(addresses_of(records.clone()), Reply::Nothing);
    let with_public = [records, vec![a("auth.example.", 60, [93, 0, 0, 1])]].concat();
    assert_eq!(addresses_of(with_public), Reply::Addresses(vec![Ipv4Addr::new(93, 0, 0, 1)], 60));
}

#[test]
fn a_long_time_is_cut_and_none_is_a_second() {
    assert_eq!(
        addresses_of(vec![a("auth.example.", 86_400, [93, 0, 0, 1])]),
        Reply::Addresses(vec![Ipv4Addr::new(93, 0, 0, 1)], MAX_TTL_SECONDS)
    );
    assert_eq!(
        addresses_of(vec![a("auth.example.", 0, [93, 0, 0, 1])]),
        Reply::Addresses(vec![Ipv4Addr::new(93, 0, 0, 1)], 1)
    );
}

#[test]
fn aliases_in_a_circle_come_to_an_end() {
    let circle = vec![alias("auth.example.", 60, "b.example."), alias("b.example.", 60, "auth.example.")];
    assert_eq!(addresses_of(circle), Reply::Failed);
}

#[test]
fn records_of_other_kinds_are_nothing() {
    let text = Record::from_rdata(name("auth.example."), 60, RData::TXT(TXT::new(vec!["93.0.0.1".into()])));
    let six = Record::from_rdata(name("auth.example."), 60, RData::AAAA(AAAA::new(0x2606, 0, 0, 0, 0, 0, 0, 1)));
    assert_eq!(addresses_of(vec![text, six]), Reply::Nothing);
}

#[test]
fn what_answers_another_question_is_refused() {
    type Change = fn(&mut Message);
    let changes: [Change; 6] = [
        |m| m.metadata.id += 1,
        |m| m.metadata.message_type = MessageType::Query,
        |m| m.queries[0].name = name("evil.example."),
        |m| m.queries[0].query_type = RecordType::AAAA,
        |m| m.queries[0].query_class = DNSClass::CH,
        |m| m.queries.clear(),
    ];
    let good = said(vec![a("auth.example.", 60, [93, 0, 0, 1])]);
    assert!(answered(&good).is_ok());
    for (number, change) in changes.into_iter().enumerate() {
        let mut other = good.clone();
        change(&mut other);
        assert_eq!(answered(&other), Err(Unreadable::AnotherAnswer), "change {number}");
    }
}

#[test]
fn what_a_server_refuses_or_cuts_short_is_told() {
    let with = |change: fn(&mut Message)| {
        let mut message = said(vec![]);
        change(&mut message);
        answered(&message).unwrap()
    };
    assert_eq!(with(|m| m.metadata.response_code = ResponseCode::NXDomain), Answer::Reply(Reply::Missing));
    assert_eq!(with(|m| m.metadata.response_code = ResponseCode::ServFail), Answer::Reply(Reply::Failed));
    assert_eq!(with(|m| m.metadata.response_code = ResponseCode::Refused), Answer::Reply(Reply::Failed));
    assert_eq!(with(|m| m.metadata.truncation = true), Answer::Truncated);
}

#[test]
fn our_own_question_is_one_that_is_read() {
    let bytes = ask(&host_named("auth.example"), ID).unwrap();
    let asked = Question::read(&bytes).unwrap();
    assert_eq!((asked.host(), asked.asks_for_addresses()), (Some(&host_named("auth.example")), true));
}
