//! Random operations: SQLite gives the answers that the fake gives, and has the same afterwards.

use anteroom_protocol::{
    CredentialId, Epoch, UnixMillis,
    guest::Report,
    session::{ConnectionReport, ConnectionState, ReasonCode},
    signaling::Side,
    view::ViewReply,
};
use anteroom_session::{Decision, Input, machine::Seen};
use anteroom_store::{
    AccessRow, AddressPool, CommitError, CredentialRow, Extras, Placement, Store, StoreError,
    fake::FakeStore,
    suite::{
        fixtures::{
            NOW, answer_input, candidate_input, cli_succeeded, credential_for, credential_id, digest, machine_id,
            offer_in_queue, offer_input, pool, provider, sealed, session, session_id, user,
        },
        views::{answered, fragment, opening, view_id},
    },
};
use anteroom_vault::Binding;
use proptest::prelude::*;

/// Few things, so that operations meet.
const SESSIONS: u32 = 5;
const USERS: u8 = 2;
const PROVIDERS: [&str; 2] = ["codex", "wrangler"];
const VALUES: [&str; 3] = ["one", "two", "three"];

#[derive(Clone, Debug)]
enum Operation {
    Create { number: u32, owner: u8, offer: bool, key: Option<&'static str> },
    Handle { number: u32, input: usize, stale: bool },
    Save { number: u32, provider: &'static str, id: u8, version: u32 },
    BeginCreating { number: u32, attempt: u8 },
    Saw { number: u32, seen: Seen },
    Rewrap { owner: u8, version: u32, key: u8 },
    Remove { owner: u8, id: u8 },
    Owner { candidate: u8 },
    PutAccess { value: &'static str, owner: u8, expires_in_ms: i64, once: bool },
    UseLink { value: &'static str, at: i64 },
    View { number: u32, view: u32, act: ViewAct, stale: bool },
}

#[derive(Clone, Copy, Debug)]
enum ViewAct {
    Open,
    Answer,
    NotYet,
    Trickle,
    Close,
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let number = || 1..=SESSIONS;
    let owner = || 1..=USERS;
    let value = || prop::sample::select(&VALUES[..]);
    let provider = prop::sample::select(&PROVIDERS[..]);
    let seen = prop::sample::select(vec![Seen::Creating, Seen::Running, Seen::Gone]);
    prop_oneof![
        4 => (number(), owner(), any::<bool>(), prop::option::of(value()))
            .prop_map(|(number, owner, offer, key)| O::Create { number, owner, offer, key }),
        12 => (number(), 0..INPUTS, prop::bool::weighted(0.2))
            .prop_map(|(number, input, stale)| O::Handle { number, input, stale }),
        4 => (number(), provider, 1..=3_u8, 1..=3_u32)
            .prop_map(|(number, provider, id, version)| O::Save { number, provider, id, version }),
        2 => (number(), any::<u8>()).prop_map(|(number, attempt)| O::BeginCreating { number, attempt }),
        3 => (number(), seen).prop_map(|(number, seen)| O::Saw { number, seen }),
        1 => (owner(), 1..=3_u32, 1..=3_u8).prop_map(|(owner, version, key)| O::Rewrap { owner, version, key }),
        1 => (owner(), 1..=3_u8).prop_map(|(owner, id)| O::Remove { owner, id }),
        1 => owner().prop_map(|candidate| O::Owner { candidate }),
        2 => (value(), owner(), 0..20_i64, any::<bool>())
            .prop_map(|(value, owner, expires_in_ms, once)| O::PutAccess { value, owner, expires_in_ms, once }),
        2 => (value(), 0..20_i64).prop_map(|(value, at)| O::UseLink { value, at }),
        6 => (number(), 1..=4_u32, view_act(), prop::bool::weighted(0.1))
            .prop_map(|(number, view, act, stale)| O::View { number, view, act, stale }),
    ]
}

fn view_act() -> impl Strategy<Value = ViewAct> {
    use ViewAct as A;
    prop::sample::select(vec![A::Open, A::Open, A::Answer, A::NotYet, A::Trickle, A::Trickle, A::Close])
}

const INPUTS: usize = 15;

/// One of the inputs of a session; those of an epoch name the first or second.
fn input(choice: usize, number: u32) -> Input {
    let inputs: [Input; INPUTS] = [
        offer_input("offer 1", number),
        offer_input("offer 2", number),
        answer_input(Epoch(1), "offer 1", "answer 1"),
        answer_input(Epoch(2), "offer 2", "answer 2"),
        candidate_input(Epoch(1), Side::Vm, "early"),
        candidate_input(Epoch(2), Side::Browser, "late"),
        candidate_input(Epoch(1), Side::Browser, ""),
        Input::Connection(ConnectionReport { epoch: Epoch(1), state: ConnectionState::FrameDecoded }),
        Input::AgentSpoke,
        cli_succeeded(),
        Input::Cancel,
        Input::MachineNotCreated { code: ReasonCode::MachineFailed, detail: String::from("no disk") },
        Input::MachineDestroyed,
        offer_in_queue("offer 1"),
        Input::Placed { machine: machine_id(number) },
    ];
    inputs.into_iter().nth(choice).unwrap_or(Input::Report(Report::DesktopReady))
}

/// Three addresses for five sessions, two machines for one owner.
fn placement() -> Option<Placement> {
    let pool = AddressPool { max_machines_per_owner: 2, ..pool(3) };
    Some(Placement { driver: String::from("fake"), pool, made_from: String::from("image 1") })
}

/// An outcome for comparison. What a failure says is each store's own.
fn told<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> String {
    outcome.map_or_else(|_| String::from("failed"), |value| format!("{value:?}"))
}

fn told_commit(outcome: Result<(), CommitError>) -> String {
    match outcome {
        Err(CommitError::Store(_)) => String::from("failed"),
        outcome => format!("{outcome:?}"),
    }
}

async fn run(store: &dyn Store, operation: &Operation) -> String {
    match operation.clone() {
        Operation::Create { number, owner, offer, key } => create(store, number, owner, offer, key).await,
        Operation::Handle { number, input: choice, stale } => {
            commit(store, number, input(choice, number), stale, None).await
        }
        Operation::Save { number, provider, id, version } => save(store, number, provider, id, version).await,
        Operation::BeginCreating { number, attempt } => {
            let token = digest(&format!("{number} {attempt}"));
            told(store.begin_creating(&machine_id(number), &token).await) + &told(store.machine_by_token(&token).await)
        }
        Operation::Saw { number, seen } => told(store.saw_machine(&machine_id(number), seen, NOW).await),
        Operation::Rewrap { owner, version, key } => {
            let id = credential_of(owner, PROVIDERS[0], 1);
            let (owner, provider) = (user(owner), provider(PROVIDERS[0]));
            let binding = Binding { owner, provider, credential: id.clone(), version };
            told(store.rewrap(&id, version, &sealed(&binding, key)).await)
        }
        Operation::Remove { owner, id } => {
            told(store.remove_credential(&user(owner), &credential_of(owner, PROVIDERS[0], id)).await)
        }
        Operation::Owner { candidate } => told(store.owner(&user(candidate), NOW).await),
        Operation::PutAccess { value, owner, expires_in_ms, once } => {
            let expires_at = UnixMillis(expires_in_ms);
            told(
                store
                    .put_access(
                        &AccessRow { digest: digest(value), user: user(owner), expires_at, once },
                        UnixMillis(0),
                    )
                    .await,
            )
        }
        Operation::UseLink { value, at } => {
            told(store.user_by_access(&digest(value), UnixMillis(at)).await)
                + &told(store.use_link(&digest(value), UnixMillis(at)).await)
        }
        Operation::View { number, view, act, stale } => act_on_view(store, number, view, act, stale).await,
    }
}

/// Views of all sessions have their ids from one small set, so that two sessions fight for one.
async fn act_on_view(store: &dyn Store, number: u32, view: u32, act: ViewAct, stale: bool) -> String {
    let id = session_id(number);
    let (Ok(stored), Ok(found)) = (store.views(&id).await, store.view(&id, &view_id(view)).await) else {
        return String::from("failed");
    };
    let views = &stored.views;
    let decided = match (act, &found) {
        (ViewAct::Open, _) => Ok(Some(opening(views, number, view, NOW))),
        (_, None) => return String::from("no view"),
        (ViewAct::Answer, Some(found)) => views.reply(found, answered("answer")),
        (ViewAct::NotYet, Some(found)) => views.reply(found, ViewReply::NotYet),
        (ViewAct::Trickle, Some(found)) => views.trickle(found, fragment(u32::from(stale) + views.last % 3)),
        (ViewAct::Close, Some(found)) => Ok(views.close(found)),
    };
    match decided {
        Ok(Some(change)) => {
            told_commit(store.commit_views(&id, stored.version.wrapping_sub(u64::from(stale)), &change).await)
        }
        Ok(None) => String::from("same"),
        Err(refusal) => refusal.to_string(),
    }
}

async fn create(store: &dyn Store, number: u32, owner: u8, offer: bool, key: Option<&str>) -> String {
    let session = session(number, &user(owner));
    let first = session.handle(offer_input("offer 1", number), NOW);
    let change = match first {
        Ok(Decision::Changed(change)) if offer => Some(change),
        _ => None,
    };
    let key = key.map(str::to_owned);
    let extras = Extras { placement: placement(), idempotency_key: key, ..Extras::default() };
    told_commit(store.create_session(&session, change.as_deref(), extras).await)
}

async fn save(store: &dyn Store, number: u32, name: &'static str, id: u8, version: u32) -> String {
    let Ok(Some(stored)) = store.session(&session_id(number)).await else { return String::from("no session") };
    let owner = (1..=USERS).find(|owner| user(*owner) == stored.session.owner).unwrap();
    let row = credential_for(owner, name, credential_of(owner, name, id), version);
    let mut told = String::new();
    for input in [Input::AgentSpoke, cli_succeeded()] {
        told += &commit(store, number, input, false, None).await;
    }
    told + &commit(store, number, Input::CredentialSealed(row.id.clone()), false, Some(row)).await
}

/// An id belongs to one owner and provider, as ids of 128 random bits do.
fn credential_of(owner: u8, name: &str, id: u8) -> CredentialId {
    credential_id(100 * u8::from(name == PROVIDERS[1]) + 10 * owner + id)
}

async fn commit(store: &dyn Store, number: u32, input: Input, stale: bool, row: Option<CredentialRow>) -> String {
    let Ok(Some(stored)) = store.session(&session_id(number)).await else { return String::from("no session") };
    match stored.session.handle(input, NOW) {
        Ok(Decision::Changed(change)) => {
            let extras = Extras { placement: placement(), credential: row, max_queued: Some(1), ..Extras::default() };
            told_commit(store.commit(stored.version - u64::from(stale), &change, extras).await)
        }
        Ok(Decision::Same) => String::from("same"),
        Err(refusal) => refusal.to_string(),
    }
}

/// Everything that can be read.
async fn everything(store: &dyn Store) -> Vec<String> {
    let mut told_all = vec![
        told(store.live_sessions(None, 99).await),
        told(store.machines(None, 99).await),
        told(store.queue(99).await),
        told(store.all_credentials().await),
    ];
    for owner in (1..=USERS).map(user) {
        told_all.push(told(store.sessions_of(&owner, 3).await));
        told_all.push(told(store.credentials_of(&owner).await));
        for value in VALUES {
            told_all.push(told(store.session_by_key(&owner, value).await));
        }
    }
    for number in 1..=SESSIONS {
        told_all.push(told(store.machine(&machine_id(number)).await));
        let id = session_id(number);
        told_all.push(told(store.events(&id, 1, 100).await));
        told_all.push(told(store.views(&id).await));
        told_all.push(told(store.view_entries(&id, 1, 5).await));
        for view in (1..=4).map(view_id) {
            told_all.push(told(store.view(&id, &view).await));
            told_all.push(told(store.view_answer(&view).await));
        }
        for epoch in [Epoch(1), Epoch(2)] {
            told_all.push(told(store.offer(&id, epoch).await));
            told_all.push(told(store.answer(&id, epoch).await));
            for side in [Side::Browser, Side::Vm] {
                told_all.push(told(store.candidates(&id, epoch, side, 1).await));
            }
        }
    }
    told_all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_behaves_like_the_fake(operations in prop::collection::vec(operation(), 1..80)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let fake = FakeStore::new();
            let (sqlite, _directory) = super::open().await;
            for (place, operation) in operations.iter().enumerate() {
                let (by_fake, by_sqlite) = (run(&fake, operation).await, run(&*sqlite, operation).await);
                prop_assert_eq!(by_sqlite, by_fake, "operation {}: {:?}", place, operation);
            }
            prop_assert_eq!(everything(&*sqlite).await, everything(&fake).await);
            Ok(())
        })?;
    }
}
