use anteroom_protocol::{
    ProviderId, Secret, UserId,
    guest::Report,
    provider::MethodKind,
    signaling::{AnswerType, OfferType},
};

use super::*;
use crate::{Deadlines, Decision, Input};

const NOW: UnixMillis = UnixMillis(1_000);

fn session_id() -> SessionId {
    SessionId::from_random([1; 16])
}

fn id(number: usize) -> ViewId {
    ViewId::from_random((number as u128).to_be_bytes())
}

fn offer(ufrag: &str) -> Offer {
    Offer { kind: OfferType::Offer, sdp: Secret::new(format!("v=0\r\na=ice-ufrag:{ufrag}\r\n")) }
}

fn answered(to: &View, name: &str) -> ViewReply {
    let answer = Answer { kind: AnswerType::Answer, sdp: Secret::new(name.to_owned()) };
    ViewReply::Answered { offer_digest: to.offer_digest.clone(), answer }
}

fn fragment(ufrag: &str, hosts: &[u8], end: bool) -> Fragment {
    let lines =
        hosts.iter().map(|host| format!("a=candidate:1 1 udp 1 192.0.2.{host} 9 typ host\n")).collect::<String>();
    let end = if end { "a=end-of-candidates\n" } else { "" };
    Fragment::parse(&format!("a=ice-ufrag:{ufrag}\na=mid:0\n{lines}{end}")).unwrap()
}

/// What a store would have after it.
fn stored(views: &Views, change: &ViewChange) -> Views {
    let mut after = views.clone();
    for entry in &change.entries {
        assert_eq!(entry.seq, after.last + 1, "the log has no gap");
        after.last = entry.seq;
    }
    for view in &change.views {
        after.open.retain(|open| open.id != view.id);
        after.open.extend(view.is_open().then(|| view.clone()));
    }
    after.open.sort_by_key(|view| view.since);
    after
}

/// Views with this many open ones.
fn with_open(count: usize) -> Views {
    (0..count).fold(Views::default(), |views, number| {
        let at = NOW.plus_ms(i64::try_from(number).unwrap());
        stored(&views, &views.open(&session_id(), id(number), offer("abcd"), at).unwrap())
    })
}

fn one() -> (Views, View) {
    let views = with_open(1);
    let view = views.open[0].clone();
    (views, view)
}

#[test]
fn an_offer_is_logged_and_one_answer_taken() {
    let (views, view) = one();
    assert_eq!(views.last, 1);
    let change = views.reply(&view, answered(&view, "a1")).unwrap().unwrap();
    assert_eq!(change.entries, [], "the guest knows its own answer");
    assert_eq!(change.answer.as_ref().map(|(of, _)| of), Some(&view.id));
    let view = change.views[0].clone();
    assert!(matches!(view.state, ViewState::Answered { .. }));
    assert_eq!(views.reply(&view, answered(&view, "a1")), Ok(None), "the same again is fine");
    assert_eq!(views.reply(&view, answered(&view, "a2")), Err(ViewRefusal::AlreadyAnswered));
    assert_eq!(views.reply(&view, ViewReply::NotYet), Err(ViewRefusal::AlreadyAnswered));
}

#[test]
fn an_answer_to_another_offer_is_refused_in_every_state() {
    let (views, view) = one();
    let other = ViewReply::Answered {
        offer_digest: SdpDigest::of("another"),
        answer: Answer { kind: AnswerType::Answer, sdp: Secret::new("a".to_owned()) },
    };
    for state in [ViewState::Offered, ViewState::Answered { answer_digest: SdpDigest::of("a") }, ViewState::Closed] {
        assert_eq!(views.reply(&view.is(state), other.clone()), Err(ViewRefusal::AnotherOffer));
    }
}

#[test]
fn a_refused_view_stays_refused() {
    let (views, view) = one();
    for (reply, why) in [
        (ViewReply::NotYet, WhyRefused::NotYet),
        (ViewReply::Unusable { detail: "no H.264".into() }, WhyRefused::Unusable { detail: "no H.264".into() }),
    ] {
        let change = views.reply(&view, reply.clone()).unwrap().unwrap();
        assert_eq!((change.entries.as_slice(), &change.answer), (&[][..], &None));
        let refused = change.views[0].clone();
        assert_eq!(refused.state, ViewState::Refused { why });
        assert_eq!(views.reply(&refused, reply), Ok(None));
        assert_eq!(views.reply(&refused, answered(&view, "a1")), Err(ViewRefusal::AlreadyAnswered));
        assert_eq!(views.trickle(&refused, fragment("abcd", &[1], false)), Err(ViewRefusal::Closed));
        assert_eq!(views.close(&refused), None, "the guest holds nothing of it");
    }
}

#[test]
fn a_closed_view_takes_nothing_more() {
    let (views, view) = one();
    let change = views.close(&view).unwrap();
    assert_eq!(change.entries[0].kind, ViewEntryKind::Closed);
    let closed = change.views[0].clone();
    assert_eq!(views.close(&closed), None);
    assert_eq!(views.reply(&closed, answered(&view, "a1")), Err(ViewRefusal::Closed));
    assert_eq!(views.trickle(&closed, fragment("abcd", &[1], false)), Err(ViewRefusal::Closed));
}

#[test]
fn an_answer_that_came_in_time_is_not_given_up() {
    let (views, view) = one();
    assert_eq!(views.give_up(&view), views.close(&view));
    let answered = views.reply(&view, answered(&view, "a1")).unwrap().unwrap().views[0].clone();
    assert_eq!(views.give_up(&answered), None);
    assert_eq!(views.give_up(&view.is(ViewState::Closed)), None);
}

#[test]
fn candidates_are_logged_once() {
    let (views, view) = one();
    let change = views.trickle(&view, fragment("abcd", &[1, 2], false)).unwrap().unwrap();
    assert!(matches!(&change.entries[0].kind, ViewEntryKind::Candidates { candidates } if candidates.len() == 2));
    let (views, view) = (stored(&views, &change), change.views[0].clone());
    assert_eq!(views.trickle(&view, fragment("abcd", &[1, 2], false)), Ok(None), "a repeated request adds nothing");
    let change = views.trickle(&view, fragment("abcd", &[2, 3], true)).unwrap().unwrap();
    assert!(matches!(&change.entries[0].kind, ViewEntryKind::Candidates { candidates } if candidates.len() == 1));
}

#[test]
fn candidates_that_come_after_the_end_are_taken_because_requests_may_overlap() {
    let (views, view) = one();
    assert_eq!(views.trickle(&view, fragment("abcd", &[], true)), Ok(None));
    let change = views.trickle(&view, fragment("abcd", &[1], true)).unwrap().unwrap();
    let (views, view) = (stored(&views, &change), change.views[0].clone());
    assert!(views.trickle(&view, fragment("abcd", &[2], false)).unwrap().is_some());
}

#[test]
fn candidates_of_a_view_are_bounded() {
    let (mut views, mut view) = one();
    let hosts: Vec<u8> = (0..100).collect();
    let line = |round: u8, host: &u8| format!("a=candidate:{round} 1 udp 1 192.0.2.{host} 9 typ host\n");
    for round in 0..=2 {
        let text: String = hosts.iter().map(|host| line(round, host)).collect();
        match views.trickle(&view, Fragment::parse(&text).unwrap()) {
            Ok(change) => (views, view) = (stored(&views, change.as_ref().unwrap()), change.unwrap().views[0].clone()),
            Err(refusal) => {
                assert_eq!((round, refusal), (2, ViewRefusal::Session(Refusal::TooManyCandidates)));
                return;
            }
        }
    }
    panic!("a viewer's candidates have no end");
}

#[test]
fn a_fragment_of_another_ice_session_is_a_restart_and_changes_nothing() {
    let (views, view) = one();
    assert_eq!(views.trickle(&view, fragment("efgh", &[1], false)), Err(ViewRefusal::IceRestart));
    let unnamed = Fragment::parse("a=candidate:1 1 udp 1 192.0.2.1 9 typ host").unwrap();
    assert!(views.trickle(&view, unnamed).unwrap().is_some(), "without a name it belongs to the only one");
}

#[test]
fn a_tag_is_strong_and_names_view_and_ice_session() {
    let (_, view) = one();
    let tag = view.tag();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() == TAG_CHARS + 2, "{tag}");
    assert_eq!(tag, serde_json::from_value::<View>(serde_json::to_value(&view).unwrap()).unwrap().tag());
    let another = View::new(session_id(), id(9), &offer("abcd"), NOW).unwrap();
    let restarted = View::new(session_id(), view.id.clone(), &offer("efgh"), NOW).unwrap();
    assert_ne!(tag, another.tag());
    assert_ne!(tag, restarted.tag());
    let table = [
        (None, Err(ViewRefusal::NoTag)),
        (Some(tag.clone()), Ok(())),
        (Some(" * ".to_owned()), Ok(())),
        (Some(format!("\"x\", {tag}")), Ok(())),
        (Some(format!("W/{tag}")), Err(ViewRefusal::AnotherTag)),
        (Some(tag.trim_matches('"').to_owned()), Err(ViewRefusal::AnotherTag)),
        (Some(another.tag()), Err(ViewRefusal::AnotherTag)),
        (Some(String::new()), Err(ViewRefusal::AnotherTag)),
    ];
    for (if_match, expected) in table {
        assert_eq!(view.check_tag(if_match.as_deref()), expected, "{if_match:?}");
    }
}

#[test]
fn one_more_than_there_may_be_closes_the_oldest() {
    let views = with_open(limits::MAX_VIEWS);
    let change = views.open(&session_id(), id(99), offer("abcd"), NOW.plus_ms(99)).unwrap();
    let kinds: Vec<_> = change.entries.iter().map(|entry| (entry.view.clone(), entry.kind.clone())).collect();
    assert_eq!(kinds, [(id(0), ViewEntryKind::Closed), (id(99), ViewEntryKind::Offered { offer: offer("abcd") })]);
    let after = stored(&views, &change);
    assert_eq!(after.open.len(), limits::MAX_VIEWS);
    assert!(after.open.iter().all(|view| view.id != id(0)));
}

#[test]
fn a_full_log_takes_no_offer_and_no_candidate_but_every_end() {
    let mut views = with_open(limits::MAX_VIEWS);
    views.last = limits::MAX_VIEW_ENTRIES - u32::try_from(limits::MAX_VIEWS).unwrap();
    assert_eq!(views.open(&session_id(), id(99), offer("abcd"), NOW), Err(ViewRefusal::TooMany));
    assert_eq!(views.trickle(&views.open[0], fragment("abcd", &[1], false)), Err(ViewRefusal::TooMany));
    while let Some(view) = views.open.first() {
        views = stored(&views, &views.close(view).unwrap());
    }
    assert_eq!(views.last, limits::MAX_VIEW_ENTRIES);
}

#[test]
fn an_offer_without_an_ice_session_is_refused() {
    let offer = Offer { kind: OfferType::Offer, sdp: Secret::new("v=0\r\n".to_owned()) };
    assert!(matches!(Views::default().open(&session_id(), id(1), offer, NOW), Err(ViewRefusal::Signal(_))));
}

#[test]
fn a_sign_in_without_a_desktop_is_not_viewed() {
    let (provider, user) = ("codex".parse().unwrap(), UserId::from_random([2; 16]));
    let session = Session::new(session_id(), user, (provider, MethodKind::Device), Deadlines::for_sign_in(600), NOW);
    assert_eq!(check_session(&session), Err(ViewRefusal::Session(Refusal::NoDesktop)));
}

#[test]
fn a_session_is_viewed_from_the_agents_first_word_to_its_end() {
    let provider: ProviderId = "codex".parse().unwrap();
    let user = UserId::from_random([2; 16]);
    let mut session =
        Session::new(session_id(), user, (provider, MethodKind::Desktop), Deadlines::for_sign_in(600), NOW);
    assert_eq!(check_session(&session), Err(ViewRefusal::NoPicture));
    let machine = anteroom_protocol::MachineId::from_random([3; 16]);
    let first = Input::Offer { offer: offer("abcd"), candidates: Vec::new(), after: None, machine: Some(machine) };
    let exited = Input::Report(Report::CliExited { code: 0, detail: String::new() });
    let refused = Input::CredentialRefused { detail: "blank".to_owned() };
    let mut seen = Vec::new();
    for input in [first, Input::AgentSpoke, exited, refused] {
        if let Decision::Changed(change) = session.handle(input, NOW).unwrap() {
            session = change.session;
        }
        seen.push(
            check_session(&session).map_err(|refusal| matches!(refusal, ViewRefusal::Session(Refusal::Ended(_)))),
        );
    }
    assert_eq!(seen, [Err(false), Ok(()), Ok(()), Err(true)]);
}
