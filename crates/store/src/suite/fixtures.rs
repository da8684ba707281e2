//! Sessions, machines and credentials to test with. Everything follows from small numbers, so that a failure reads.

use std::{net::Ipv4Addr, sync::Arc};

use anteroom_protocol::{
    CredentialId, Epoch, MachineId, ProviderId, Secret, SessionId, UnixMillis, UserId,
    credential::Origin,
    guest::Report,
    provider::MethodKind,
    signaling::{Answer, AnswerType, Candidate, Offer, OfferType, SdpDigest, Side},
};
use anteroom_session::{Change, Deadlines, Decision, Input, Session, machine::MachineRow};
use anteroom_vault::{
    Binding, BundleFile, CredentialBundle, Key, KeyRing, SealedCredential, seal, sealed::SEAL_RANDOM_BYTES,
};

use crate::{AddressPool, CommitError, CredentialRow, Extras, Placement, Store, Stored, TokenDigest};

/// The store under test.
pub type Tested = Arc<dyn Store>;

/// When everything happens, unless a test says otherwise.
pub const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

#[must_use]
pub fn user(number: u8) -> UserId {
    UserId::from_random([number; 16])
}

#[must_use]
pub fn session_id(number: u32) -> SessionId {
    SessionId::from_random(u128::from(number).to_be_bytes())
}

#[must_use]
pub fn machine_id(number: u32) -> MachineId {
    MachineId::from_random(u128::from(number).to_be_bytes())
}

#[must_use]
pub fn credential_id(number: u8) -> CredentialId {
    CredentialId::from_random([number; 16])
}

#[must_use]
pub fn provider(name: &str) -> ProviderId {
    name.parse().expect("tests name providers well")
}

#[must_use]
pub fn digest(text: &str) -> TokenDigest {
    TokenDigest(SdpDigest::of(text).0)
}

/// A session of `codex` that waits for its offer.
#[must_use]
pub fn session(number: u32, owner: &UserId) -> Session {
    Session::new(
        session_id(number),
        owner.clone(),
        (provider("codex"), MethodKind::Desktop),
        Deadlines::for_sign_in(600),
        NOW,
    )
}

#[must_use]
pub fn offer(sdp: &str) -> Offer {
    Offer { kind: OfferType::Offer, sdp: Secret::new(sdp.to_owned()) }
}

#[must_use]
pub fn answer(sdp: &str) -> Answer {
    Answer { kind: AnswerType::Answer, sdp: Secret::new(sdp.to_owned()) }
}

/// A host candidate; an empty name is the end marker.
#[must_use]
pub fn candidate(name: &str) -> Candidate {
    let line = if name.is_empty() { String::new() } else { format!("candidate:1 1 udp 1 {name}.local 9 typ host") };
    Candidate {
        candidate: Secret::new(line),
        sdp_mid: Some(String::from("0")),
        sdp_m_line_index: Some(0),
        username_fragment: None,
    }
}

/// An offer with two candidates; the first one of a session plans the machine with this number.
#[must_use]
pub fn offer_input(sdp: &str, machine: u32) -> Input {
    let candidates = vec![candidate("a"), candidate("b")];
    Input::Offer { offer: offer(sdp), candidates, after: None, machine: Some(machine_id(machine)) }
}

/// An offer when there is no place for a machine.
#[must_use]
pub fn offer_in_queue(sdp: &str) -> Input {
    Input::Offer { offer: offer(sdp), candidates: Vec::new(), after: None, machine: None }
}

/// An answer to the offer with this SDP, with one candidate.
#[must_use]
pub fn answer_input(epoch: Epoch, offer_sdp: &str, sdp: &str) -> Input {
    let (offer_digest, candidates) = (SdpDigest::of(offer_sdp), vec![candidate("v")]);
    Input::Answer { epoch, offer_digest, answer: answer(sdp), candidates }
}

/// One candidate of one side.
#[must_use]
pub fn candidate_input(epoch: Epoch, side: Side, name: &str) -> Input {
    Input::Candidates { side, epoch, candidates: vec![candidate(name)] }
}

/// The CLI ended well.
#[must_use]
pub fn cli_succeeded() -> Input {
    Input::Report(Report::CliExited { code: 0, detail: String::new() })
}

/// What the session decides; the test's own mistake when it refuses.
///
/// # Panics
/// When the session refuses the input or nothing changes.
#[must_use]
pub fn decide(session: &Session, input: Input) -> Change {
    match session.handle(input, NOW) {
        Ok(Decision::Changed(change)) => *change,
        other => panic!("the session was to change: {other:?}"),
    }
}

/// A pool of this many addresses from 10.87.0.2, with as many machines.
#[must_use]
pub fn pool(addresses: u8) -> AddressPool {
    let machines = u32::from(addresses);
    AddressPool {
        first: Ipv4Addr::new(10, 87, 0, 2),
        last: Ipv4Addr::new(10, 87, 0, 1 + addresses),
        max_machines: machines,
        max_machines_per_owner: machines,
    }
}

#[must_use]
pub fn placed(pool: AddressPool) -> Extras {
    Extras {
        placement: Some(Placement { driver: String::from("fake"), pool, made_from: String::from("image 1") }),
        ..Extras::default()
    }
}

#[must_use]
pub fn keyed(key: &str) -> Extras {
    Extras { idempotency_key: Some(key.to_owned()), ..Extras::default() }
}

/// A credential of `codex`; owner and id have the same number.
#[must_use]
pub fn credential(owner: u8, version: u32) -> CredentialRow {
    credential_for(owner, "codex", credential_id(owner), version)
}

#[must_use]
pub fn credential_for(owner: u8, name: &str, id: CredentialId, version: u32) -> CredentialRow {
    let binding = Binding { owner: user(owner), provider: provider(name), credential: id, version };
    let (sealed, saved_at) = (sealed(&binding, 1), NOW.plus_ms(i64::from(version)));
    let Binding { owner, provider, credential: id, version } = binding;
    let account = Some(format!("person-{version}@example.test"));
    CredentialRow {
        id,
        owner,
        provider,
        version,
        account,
        freshness: Some(NOW),
        expires_at: Some(NOW.plus_ms(1)),
        origin: Origin::SignIn,
        trouble: None,
        saved_at,
        connected_at: NOW,
        sealed,
    }
}

/// A credential sealed under the key with this number.
///
/// # Panics
/// Never: one small file is a bundle.
#[must_use]
pub fn sealed(binding: &Binding, key: u8) -> SealedCredential {
    let file = BundleFile { path: String::from("auth.json"), contents: Secret::new(b"{}".to_vec()) };
    let bundle = CredentialBundle::new(vec![file]).expect("one small file is a bundle");
    let ring = KeyRing::new(Key::from_random(Secret::new([key; 32])));
    seal(&bundle, binding, &ring, &Secret::new([binding.version.to_be_bytes()[3]; SEAL_RANDOM_BYTES]))
}

// --- steps on a store ----------------------------------------------------------------------------

/// Creates a session with its first offer and its machine; both have this number.
///
/// # Errors
/// What the store refuses.
pub async fn try_start(store: &Tested, number: u32, owner: &UserId, pool: AddressPool) -> Result<(), CommitError> {
    let session = session(number, owner);
    let change = decide(&session, offer_input("offer 1", number));
    store.create_session(&session, Some(&change), placed(pool)).await
}

/// The same, when it must not be refused. Returns what is stored.
///
/// # Panics
/// When the store refuses.
pub async fn start(store: &Tested, number: u32, owner: &UserId, pool: AddressPool) -> Stored {
    try_start(store, number, owner, pool).await.expect("the session is created");
    read(store, number).await
}

/// The session with this number.
///
/// # Panics
/// When there is none.
pub async fn read(store: &Tested, number: u32) -> Stored {
    store.session(&session_id(number)).await.expect("it can be read").expect("it is there")
}

/// The machine with this number.
///
/// # Panics
/// When there is none.
pub async fn machine(store: &Tested, number: u32) -> MachineRow {
    store.machine(&machine_id(number)).await.expect("it can be read").expect("it is there")
}

/// Reads the session, has it decide, and commits.
///
/// # Panics
/// When session or store refuse.
pub async fn handle(store: &Tested, number: u32, input: Input) -> Stored {
    let Stored { session, version } = read(store, number).await;
    store.commit(version, &decide(&session, input), Extras::default()).await.expect("the change is committed");
    read(store, number).await
}

/// Brings a new session to where its CLI has ended well.
pub async fn start_saving(store: &Tested, number: u32, owner: &UserId) -> Stored {
    start(store, number, owner, pool(200)).await;
    handle(store, number, Input::AgentSpoke).await;
    handle(store, number, cli_succeeded()).await
}

/// Ends a session in success with this credential.
///
/// # Errors
/// What the store refuses.
pub async fn save(store: &Tested, stored: &Stored, row: &CredentialRow) -> Result<(), CommitError> {
    let change = decide(&stored.session, Input::CredentialSealed(row.id.clone()));
    store.commit(stored.version, &change, Extras { credential: Some(row.clone()), ..Extras::default() }).await
}

/// Everything that can be read of a session and its machine, to see that nothing has changed.
///
/// # Panics
/// When the store can't be read.
pub async fn all_of(store: &Tested, number: u32) -> impl PartialEq + std::fmt::Debug + use<> {
    let id = session_id(number);
    let mut logs = Vec::new();
    for epoch in (1..=3).map(Epoch) {
        let browser = store.candidates(&id, epoch, Side::Browser, 0).await.expect("the log can be read");
        let vm = store.candidates(&id, epoch, Side::Vm, 0).await.expect("the log can be read");
        let offer = store.offer(&id, epoch).await.expect("the offer can be read");
        logs.push((offer, store.answer(&id, epoch).await.expect("the answer can be read"), browser, vm));
    }
    let session = store.session(&id).await.expect("the session can be read");
    let events = store.events(&id, 0, u32::MAX).await.expect("the events can be read");
    (session, events, logs, store.machines(None, 99).await.expect("the machines can be read"))
}
