//! A laboratory: what outlives a controller (store, machines, clock), controllers on top of it, and who calls them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anteroom_controller::{
    COOKIE_LIFETIME_MS, Catalogue, Controller, DeadlineOverrides, KeepSettings, NoRelays, PoolSettings, Ports, Reach,
    Relays, Restriction, RunSettings, Settings, Token,
    http::{Edge, Hosts, guest_router, person_router},
    ports::{Clock, Entropy, Page, PageFile},
    reconciler::Reconciler,
    timer,
};
use anteroom_machines::{Additions, Driver, Limits, MachineSpec, fake::World};
use anteroom_protocol::{
    MachineId, UnixMillis, UserId,
    guest::{DesktopSize, MediaEngine},
};
use anteroom_store::{AccessRow, AddressPool, Placement, Store, fake::FakeStore};
use anteroom_vault::{Key, KeyRing};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{task::JoinSet, time::Instant};
use tower::ServiceExt as _;

/// Longer than any wait of a test; virtual seconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(3000);
pub(crate) const PERSON_HOST: &str = "127.0.0.1:4000";
pub(crate) const GUEST_HOST: &str = "10.87.0.1:4001";
const PROVIDERS: [&str; 2] =
    [include_str!("../../../../providers/codex.toml"), include_str!("../../../../providers/wrangler.toml")];

pub(crate) struct Lab {
    pub(crate) store: Arc<FakeStore>,
    pub(crate) world: World,
    pub(crate) clock: Arc<LabClock>,
    pub(crate) entropy: Arc<Counter>,
    pub(crate) ring: KeyRing,
    pub(crate) max_machines: u32,
    /// At most 253.
    pub(crate) addresses: u8,
    pub(crate) per_owner: Option<u32>,
    pub(crate) max_queued: u32,
    pub(crate) keep: KeepSettings,
    pub(crate) pool: PoolSettings,
    pub(crate) made_from: String,
    pub(crate) deadlines: DeadlineOverrides,
    pub(crate) relays: Arc<dyn Relays>,
    pub(crate) restriction: Option<Restriction>,
}

/// Tokio's clock, counted from a day.
pub(crate) struct LabClock(Instant);

impl Clock for LabClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(1_800_000_000_000).plus_ms(i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

/// Bytes that are never the same again.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&Sha256::digest(number.to_be_bytes())[..chunk.len()]);
        }
    }
}

struct OneFile;

impl Page for OneFile {
    fn file(&self, path: &str) -> Option<PageFile> {
        let known = path == "index.html" || path == "assets/index-1234.js";
        known.then(|| PageFile { bytes: b"<page>".as_slice().into(), media_type: "text/html".to_owned() })
    }
}

/// A controller at work. Dropping it is `kill -9`.
pub(crate) struct Running {
    pub(crate) controller: Arc<Controller>,
    pub(crate) ports: Ports,
    person: Router,
    guest: Router,
    _parts: JoinSet<()>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The problem's kind, after checks of what every problem has.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16(), "{json}");
        assert!(json["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{json}");
        json["type"].as_str().unwrap().strip_prefix("/problems/").unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!((self.status.as_u16(), self.problem().as_str()), (status, kind), "{}", self.json());
        self.json()
    }
}

/// Who calls a listener, with what.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    Nobody,
    Bearer(String),
    /// A browser: the cookie, and the Origin that it sends, if any.
    Cookie(String, Option<&'static str>),
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self {
            store: Arc::new(FakeStore::new()),
            world: World::default(),
            clock: Arc::new(LabClock(Instant::now())),
            entropy: Arc::default(),
            ring: KeyRing::new(Key::from_random([7; 32].into())),
            max_machines: 8,
            addresses: 199,
            per_owner: None,
            max_queued: 9,
            keep: KeepSettings::default(),
            pool: PoolSettings::default(),
            made_from: "image 1".to_owned(),
            deadlines: DeadlineOverrides::default(),
            relays: Arc::new(NoRelays),
            restriction: None,
        }
    }

    pub(crate) async fn start(&self) -> Running {
        self.start_on(self.store.clone(), Arc::new(self.world.driver())).await
    }

    /// A controller over wrapped parts.
    pub(crate) async fn start_on(&self, store: Arc<dyn Store>, driver: Arc<dyn Driver>) -> Running {
        let ports = Ports { store, clock: self.clock.clone(), entropy: self.entropy.clone() };
        let providers = PROVIDERS.map(|text| toml::from_str(text).unwrap());
        let catalogue = Catalogue::new(providers).unwrap();
        let (ring, relays) = (self.ring.clone(), self.relays.clone());
        let settings = self.settings();
        let controller = Controller::with_relays(ports.clone(), catalogue, ring, settings, relays, Reach::default());
        controller.resume().await.unwrap();
        let mut parts = JoinSet::new();
        parts.spawn(Reconciler::new(controller.clone(), driver.clone()).run());
        parts.spawn(timer::run(controller.clone()));
        let edge = |host: &str| Edge {
            controller: controller.clone(),
            driver: driver.clone(),
            page: Arc::new(OneFile),
            hosts: Hosts::new([host.to_owned()]),
        };
        let (person, guest) = (person_router(edge(PERSON_HOST)), guest_router(edge(GUEST_HOST)));
        Running { controller, ports, person, guest, _parts: parts }
    }

    fn settings(&self) -> Settings {
        let pool = AddressPool {
            first: [10, 87, 0, 2].into(),
            last: [10, 87, 0, 1 + self.addresses].into(),
            max_machines: self.max_machines,
            max_machines_per_owner: self.per_owner.unwrap_or(self.max_machines),
        };
        Settings {
            restriction: self.restriction.clone(),
            owner_name: "Owner".to_owned(),
            placement: Placement { driver: "fake".to_owned(), pool, made_from: self.made_from.clone() },
            guest_url: format!("http://{GUEST_HOST}"),
            desktop: DesktopSize { width: 1280, height: 720 },
            limits: Limits::default(),
            additions: Additions::default(),
            engine: MediaEngine::Str0m,
            deadlines: self.deadlines,
            pool: self.pool,
            max_queued: self.max_queued,
            runs: RunSettings::default(),
            keep: self.keep,
        }
    }

    /// A token of a person who is not the owner.
    pub(crate) async fn stranger(&self) -> Who {
        let token = Token::new(&*self.entropy);
        let user = UserId::from_random([9; 16]);
        let (now, digest) = (self.clock.now(), token.digest());
        let expires_at = now.plus_ms(1_000_000_000);
        self.store.put_access(&AccessRow { digest, user, expires_at, once: false }, now).await.unwrap();
        Who::Bearer(token.expose().to_owned())
    }

    /// Waits until this many machines run, and returns them.
    pub(crate) async fn machines(&self, count: usize) -> Vec<MachineSpec> {
        let enough = self.world.until(|world| world.running().len() == count);
        tokio::time::timeout(DEADLINE, enough).await.expect("as many machines as expected run in time");
        self.world.running()
    }

    /// Waits until nothing is left of any machine, neither in the world nor in a row that is not gone.
    pub(crate) async fn nothing_is_left(&self) {
        let driver = self.world.driver();
        let gone = async {
            while !(driver.list().await.unwrap().is_empty() && self.store.machines(None, 1).await.unwrap().is_empty()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(DEADLINE, gone).await.expect("everything is gone in time");
    }

    pub(crate) async fn wait_until_gone(&self, id: &MachineId) {
        let gone = self.world.until(|world| world.running().iter().all(|spec| spec.id != *id));
        tokio::time::timeout(DEADLINE, gone).await.expect("the machine is gone in time");
    }
}

impl Running {
    pub(crate) async fn owner(&self) -> Who {
        Who::Bearer(self.ports.new_command_token(COOKIE_LIFETIME_MS).await.unwrap().expose().to_owned())
    }

    pub(crate) async fn person(&self, who: &Who, method: Method, path: &str, body: Option<Value>) -> Reply {
        send(&self.person, request(PERSON_HOST, who, method, path, body)).await
    }

    pub(crate) async fn guest(&self, who: &Who, method: Method, path: &str, body: Option<Value>) -> Reply {
        send(&self.guest, request(GUEST_HOST, who, method, path, body)).await
    }

    pub(crate) async fn person_raw(&self, request: Request<Body>) -> Reply {
        send(&self.person, request).await
    }

    pub(crate) async fn guest_raw(&self, request: Request<Body>) -> Reply {
        send(&self.guest, request).await
    }

    /// The response itself, for streams.
    pub(crate) async fn person_response(&self, request: Request<Body>) -> axum::response::Response {
        self.person.clone().oneshot(request).await.unwrap()
    }

    /// Clicks on *Connect* with an offer; returns the session's id.
    pub(crate) async fn click(&self, who: &Who, provider: &str, offer: &str) -> String {
        let body = json!({"provider": provider, "webrtcOffer": offer_json(offer)});
        let started = self.person(who, Method::POST, "/api/vm/auth", Some(body)).await.is(201);
        started["sessionId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn view(&self, who: &Who, session: &str) -> Value {
        self.person(who, Method::GET, &format!("/api/session/{session}"), None).await.is(200)
    }

    /// Waits until the session is in this state.
    pub(crate) async fn until_state(&self, who: &Who, session: &str, state: &str) -> Value {
        let reached = async {
            loop {
                let view = self.view(who, session).await;
                if view["state"] == state {
                    return view;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(DEADLINE, reached).await.expect("the session reaches the state in time")
    }
}

pub(crate) fn request(host: &str, who: &Who, method: Method, path: &str, body: Option<Value>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
    match who {
        Who::Nobody => {}
        Who::Bearer(token) => request = request.header(header::AUTHORIZATION, format!("Bearer {token}")),
        Who::Cookie(cookie, origin) => {
            request = request.header(header::COOKIE, format!("anteroom={cookie}"));
            if let Some(origin) = origin {
                request = request.header(header::ORIGIN, *origin);
            }
        }
    }
    match body {
        Some(body) => {
            request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap()
        }
        None => request.body(Body::empty()).unwrap(),
    }
}

async fn send(router: &Router, request: Request<Body>) -> Reply {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 4 << 20).await.unwrap().to_vec();
    Reply { status: parts.status, headers: parts.headers, body }
}

/// SDP that differs by its name.
pub(crate) fn sdp(name: &str) -> String {
    format!(
        "v=0\r\no=- {name} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n\
         a=ice-ufrag:{name}\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AA:BB\r\n"
    )
}

pub(crate) fn offer_json(name: &str) -> Value {
    json!({"offer": {"type": "offer", "sdp": sdp(name)}, "candidates": []})
}

pub(crate) fn candidate(number: u32) -> Value {
    json!({"candidate": format!("candidate:{number} 1 udp 1 192.0.2.1 {number} typ host"), "sdpMid": "0", "sdpMLineIndex": 0})
}

pub(crate) fn digest_of(offer: &str) -> String {
    Sha256::digest(sdp(offer).as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

pub(crate) fn answer_json(answer: &str, offer: &str, epoch: u32) -> Value {
    json!({
        "answer": {"type": "answer", "sdp": sdp(answer)},
        "candidates": [], "epoch": epoch, "offerDigest": digest_of(offer),
    })
}
