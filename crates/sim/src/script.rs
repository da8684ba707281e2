//! What people, machines and operators do in a schedule, one step after the other: clicks, reloads, second pages,
//! cancels, kills.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use anteroom_controller::{SignInStarted, StartSignIn};
use anteroom_machines::{Additions, Limits, MachineSpec};
use anteroom_protocol::{
    MachineId, ProviderId, Secret, SessionId, UnixMillis, UserId,
    guest::{Boot, DesktopSize, MediaEngine},
    session::{SessionEvent, SessionEventKind, SessionState},
};
use anteroom_store::Store as _;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};

use crate::{
    call::{Call, Door, Reply},
    network::{send, send_until_answered},
    own_browser,
    page::{Order, Page, Shown, Standing},
    scene::Scene,
};

/// More events than a session has.
const MAX_EVENTS: u32 = 10_000;
const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// The pauses between two tries, milliseconds.
const PAUSES: (u64, u64) = (1000, 4000);

/// One sign-in and the pages that show it.
struct Play {
    provider: ProviderId,
    key: String,
    /// Whether it can be opened in pages: there is a desktop.
    has_desktop: bool,
    pages: Vec<Open>,
}

/// A page that is open.
struct Open {
    name: String,
    task: AbortHandle,
    orders: mpsc::UnboundedSender<Order>,
    shown: Shown,
}

/// What can happen in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Nothing,
    Begin,
    Reload,
    SecondPage,
    TakeBack,
    Close,
    NetworkChanges,
    Cancel,
    Look,
    LookAtAll,
    StrangerLooks,
    Kill,
    Stop,
    MachineDies,
    LookAtMachines,
    StopMachine,
    DestroyMachine,
    Litter,
}

pub(crate) struct Script {
    scene: Arc<Scene>,
    owner: UserId,
    plays: Vec<Play>,
    to_begin: u64,
    deeds: Vec<(u32, Deed)>,
    pages: JoinSet<()>,
    errands: JoinSet<()>,
    opened: u32,
}

impl Script {
    pub(crate) fn new(scene: &Arc<Scene>, owner: UserId) -> Self {
        let at_times = |weight: u32| if scene.dice.chance(5000) { weight } else { 0 };
        let deeds = vec![
            (14, Deed::Nothing),
            (6, Deed::Begin),
            (8, Deed::Reload),
            (6, Deed::SecondPage),
            (6, Deed::TakeBack),
            (2, Deed::Close),
            (8, Deed::NetworkChanges),
            (at_times(3), Deed::Cancel),
            (6, Deed::Look),
            (2, Deed::LookAtAll),
            (2, Deed::StrangerLooks),
            (at_times(5), Deed::Kill),
            (at_times(3), Deed::Stop),
            (at_times(3), Deed::MachineDies),
            (1, Deed::LookAtMachines),
            (at_times(2), Deed::StopMachine),
            (at_times(1), Deed::DestroyMachine),
            (1, Deed::Litter),
        ];
        Self {
            scene: scene.clone(),
            owner,
            plays: Vec::new(),
            to_begin: scene.dice.number(1..=3),
            deeds,
            pages: JoinSet::new(),
            errands: JoinSet::new(),
            opened: 0,
        }
    }

    /// All steps of the schedule.
    pub(crate) async fn perform(&mut self) {
        self.begin();
        for _ in 0..self.scene.dice.number(10..=40) {
            let longest = self.scene.dice.weighted(&[(5, 200), (4, 4000), (1, 25_000)]);
            self.scene.sleep(0..=longest).await;
            let deed = self.scene.dice.weighted(&self.deeds);
            self.scene.referee.count("steps");
            self.carry_out(deed).await;
        }
    }

    async fn carry_out(&mut self, deed: Deed) {
        match deed {
            Deed::Nothing => {}
            Deed::Begin => self.begin(),
            Deed::Reload => self.reload(),
            Deed::SecondPage => self.second_page(),
            Deed::TakeBack => self.order(Order::TakeBack),
            Deed::NetworkChanges => self.order(Order::NetworkChanged),
            Deed::Close => self.close(),
            Deed::Cancel => self.errand(|call, id| call(format!("/api/session/{id}")).delete()),
            Deed::Look => self.errand(|call, id| call(format!("/api/session/{id}"))),
            Deed::LookAtAll => self.errand(|call, _| call("/api/providers".to_owned())),
            Deed::StrangerLooks => self.stranger_looks(),
            Deed::Kill => self.scene.server.kill(&self.scene, "a random moment"),
            Deed::Stop => self.scene.server.stop(&self.scene).await,
            Deed::MachineDies => self.machine_dies(),
            Deed::LookAtMachines => self.errand(|call, _| call("/api/machines".to_owned())),
            Deed::StopMachine => self.administer(|call, id| call(format!("/api/machines/{id}/stop")).post(&())),
            Deed::DestroyMachine => self.administer(|call, id| call(format!("/api/machines/{id}")).delete()),
            Deed::Litter => self.litter(),
        }
    }

    // --- pages -----------------------------------------------------------------------------------

    fn begin(&mut self) {
        if self.to_begin == 0 {
            return;
        }
        self.to_begin -= 1;
        let number = self.plays.len() + 1;
        let provider: ProviderId = self.scene.dice.pick(&["one", "two"]).parse().expect("it is one");
        let key = format!("click-{number}");
        let has_desktop = provider.as_str() == "two" || self.scene.dice.chance(6000);
        self.plays.push(Play { provider: provider.clone(), key: key.clone(), has_desktop, pages: Vec::new() });
        if !has_desktop {
            self.errands.spawn(own_browser::sign_in(self.scene.clone(), provider, key));
        } else if self.scene.dice.chance(8500) {
            self.open(number - 1, None);
        } else {
            self.begin_without_an_offer(provider, key);
        }
    }

    /// A program starts a sign-in, and a person may open it in a page.
    fn begin_without_an_offer(&mut self, provider: ProviderId, key: String) {
        let scene = self.scene.clone();
        self.errands.spawn(async move {
            let body = StartSignIn { provider, method: None, webrtc_offer: None, relay_ticket: None };
            let call = Call::get(Door::Person, &scene.owner, "/api/vm/auth", CALL_DEADLINE).post(&body);
            let call = Call { key: Some(key.clone()), ..call };
            let reply: Reply = send_until_answered(&scene, "program", PAUSES, &call).await;
            if let Some(started) = reply.parse::<SignInStarted>() {
                scene.clicked(&key, &started.session_id);
            }
        });
    }

    fn open(&mut self, play: usize, session: Option<SessionId>) {
        self.opened += 1;
        let (orders, heard) = mpsc::unbounded_channel();
        let shown = Shown::new(Arc::new(Mutex::new(session)));
        let play = &mut self.plays[play];
        let page = Page {
            scene: self.scene.clone(),
            name: format!("page{}", self.opened),
            provider: play.provider.clone(),
            key: play.key.clone(),
            shown: shown.clone(),
            follows: self.scene.dice.chance(7000),
            orders: heard,
        };
        let name = page.name.clone();
        self.scene.say(&name, format!("opens {}", play.key));
        let task = self.pages.spawn(page.live());
        play.pages.push(Open { name, task, orders, shown });
    }

    /// A play that has a page, and the page's place in it.
    fn some_page(&self) -> Option<(usize, usize)> {
        let with_pages = |(number, play): (usize, &Play)| (!play.pages.is_empty()).then_some(number);
        let plays: Vec<_> = self.plays.iter().enumerate().filter_map(with_pages).collect();
        if plays.is_empty() {
            return None;
        }
        let play = self.scene.dice.pick(&plays);
        let places: Vec<_> = (0..self.plays[play].pages.len()).collect();
        Some((play, self.scene.dice.pick(&places)))
    }

    /// What the dashboard would show: the session of the play's click, answered or not.
    fn session_of(&self, play: usize) -> Option<SessionId> {
        let found = self.scene.database.store();
        let found = self.scene.database.wait(found.session_by_key(&self.owner, &self.plays[play].key));
        found.expect("the store itself never fails")
    }

    fn reload(&mut self) {
        let Some((play, place)) = self.some_page() else { return };
        if let Some(session) = self.session_of(play) {
            self.shut(play, place);
            self.open(play, Some(session));
        }
    }

    fn second_page(&mut self) {
        let plays: Vec<_> = (0..self.plays.len()).filter(|play| self.plays[*play].has_desktop).collect();
        if plays.is_empty() {
            return;
        }
        let play = self.scene.dice.pick(&plays);
        if let Some(session) = self.session_of(play) {
            self.open(play, Some(session));
        }
    }

    fn close(&mut self) {
        if let Some((play, place)) = self.some_page() {
            self.shut(play, place);
        }
    }

    fn shut(&mut self, play: usize, place: usize) {
        let page = self.plays[play].pages.remove(place);
        self.scene.say(&page.name, "closes");
        page.task.abort();
    }

    fn order(&mut self, order: Order) {
        if let Some((play, place)) = self.some_page() {
            let page = &self.plays[play].pages[place];
            self.scene.say(&page.name, format!("{order:?}"));
            // A page whose session has ended heeds nothing.
            let _ = page.orders.send(order);
        }
    }

    /// Pages that should show a desktop by now, and don't: whoever had a place when it became calm has had the time.
    pub(crate) fn without_picture(&self, calm: UnixMillis) -> Vec<String> {
        let goes_on = |page: &&Open| {
            let session = page.shown.session().and_then(|id| self.scene.stored(&id));
            session.is_some_and(|stored| {
                let waits = stored.session.queued_since().is_some() || self.placed_after(&stored.session.id, calm);
                stored.session.end().is_none() && !waits
            })
        };
        let pages = self.plays.iter().flat_map(|play| &play.pages);
        let trying = pages.filter(|page| page.shown.standing() == Standing::Trying);
        trying.filter(goes_on).map(|page| page.name.clone()).collect()
    }

    fn placed_after(&self, session: &SessionId, calm: UnixMillis) -> bool {
        let events = self.scene.database.store();
        let events = self.scene.database.wait(events.events(session, 0, MAX_EVENTS));
        let starts = |event: &SessionEvent| {
            matches!(event.kind, SessionEventKind::State { state: SessionState::Starting, .. }) && event.at > calm
        };
        events.expect("the store itself never fails").iter().any(starts)
    }

    // --- others ----------------------------------------------------------------------------------

    /// A call of the person's about one of the sessions, sent until it is answered.
    fn errand(&mut self, call: impl Fn(&dyn Fn(String) -> Call, &SessionId) -> Call) {
        let plays: Vec<_> = (0..self.plays.len()).collect();
        let Some(session) = self.session_of(self.scene.dice.pick(&plays)) else { return };
        let scene = self.scene.clone();
        let get = |path: String| Call::get(Door::Person, &scene.owner, path, CALL_DEADLINE);
        let call = call(&get, &session);
        self.errands.spawn(async move {
            send_until_answered(&scene, "person", PAUSES, &call).await;
        });
    }

    /// A call of the administrator's about one of the machines, sent until it is answered.
    fn administer(&mut self, call: impl Fn(&dyn Fn(String) -> Call, &MachineId) -> Call) {
        let there = self.scene.world.everything();
        if there.is_empty() {
            return;
        }
        let places: Vec<_> = (0..there.len()).collect();
        let machine = &there[self.scene.dice.pick(&places)].id;
        let scene = self.scene.clone();
        let get = |path: String| Call::get(Door::Person, &scene.owner, path, CALL_DEADLINE);
        let call = call(&get, machine);
        self.errands.spawn(async move {
            send_until_answered(&scene, "administrator", PAUSES, &call).await;
        });
    }

    fn stranger_looks(&mut self) {
        let plays: Vec<_> = (0..self.plays.len()).collect();
        let Some(session) = self.session_of(self.scene.dice.pick(&plays)) else { return };
        let paths = ["", "/events"].map(|rest| format!("/api/session/{session}{rest}"));
        let scene = self.scene.clone();
        self.errands.spawn(async move {
            for path in paths {
                send(&scene, "stranger", &Call::get(Door::Person, &scene.stranger, path, CALL_DEADLINE)).await;
            }
        });
    }

    fn machine_dies(&self) {
        let running = self.scene.world.running();
        if !running.is_empty() {
            let places: Vec<_> = (0..running.len()).collect();
            let spec = &running[self.scene.dice.pick(&places)];
            self.scene.say("machine", format!("{} dies", spec.id));
            self.scene.referee.count("machines that died");
            self.scene.world.end(&spec.id, "it was killed");
        }
    }

    /// Something that no row knows, as from a database that was put back.
    fn litter(&self) {
        let spec = MachineSpec {
            id: MachineId::from_random(self.scene.dice.bytes()),
            address: [10, 99, 0, 1].into(),
            boot: Boot {
                controller_url: "http://10.87.0.1:4001".to_owned(),
                token: Secret::new("nobody".to_owned()),
                address: std::net::Ipv4Addr::new(10, 99, 0, 1).into(),
                desktop: DesktopSize { width: 1280, height: 720 },
                environment: Vec::new(),
                engine: MediaEngine::Str0m,
            },
            limits: Limits::default(),
            additions: Additions::default(),
        };
        self.scene.say("machine", format!("{} appears", spec.id));
        self.scene.world.litter(&spec);
    }

    /// Ends all of it, and says whether a part of the script itself broke.
    pub(crate) async fn end(mut self) -> bool {
        self.pages.abort_all();
        self.errands.abort_all();
        let mut broke = false;
        while let Some(ended) = self.pages.join_next().await {
            broke |= ended.is_err_and(|error| error.is_panic());
        }
        while let Some(ended) = self.errands.join_next().await {
            broke |= ended.is_err_and(|error| error.is_panic());
        }
        broke
    }
}
