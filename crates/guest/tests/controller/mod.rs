//! A controller as far as one agent sees it: one session, its offers, and what the agent says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use anteroom_protocol::{
    Epoch, SessionId, ViewId,
    guest::{Assignment, CapturedCredential, Report, Reports},
    signaling::{AnswerWithCandidates, Offer, OfferInEpoch, OfferType},
    view::{ViewEntry, ViewEntryKind, ViewLog, ViewReply},
};
use axum::{
    Json, Router,
    extract::{Path as UrlPath, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tokio::{net::TcpListener, sync::watch, time::timeout};

/// What the agent has said so far, and what the session is.
#[derive(Clone, Default)]
pub(crate) struct Session {
    pub(crate) asked: bool,
    pub(crate) offer: Option<OfferInEpoch>,
    pub(crate) ended: bool,
    pub(crate) answers: Vec<AnswerWithCandidates>,
    pub(crate) views: Vec<ViewEntry>,
    pub(crate) view_replies: Vec<(ViewId, ViewReply)>,
    pub(crate) reports: Vec<Report>,
    pub(crate) credential: Option<CapturedCredential>,
}

#[derive(Clone)]
pub(crate) struct Controller {
    assignment: Arc<Assignment>,
    session: Arc<Mutex<watch::Sender<Session>>>,
}

impl Controller {
    /// Serves on a free port of the loopback interface.
    pub(crate) async fn start(assignment: Assignment) -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let session = Arc::new(Mutex::new(watch::Sender::new(Session::default())));
        let controller = Self { assignment: Arc::new(assignment), session };
        let id = &controller.assignment.session_id;
        let router = Router::new()
            .route("/api/guest/assignment", get(give_assignment))
            .route("/api/guest/reports", post(take_reports))
            .route("/api/guest/credential", post(take_credential))
            .route("/api/guest/views", get(give_views))
            .route("/api/guest/views/{view}/answer", post(take_view_reply))
            .route(&format!("/api/webrtc/session/{id}/offer"), get(give_offer))
            .route(&format!("/api/webrtc/session/{id}/answer"), post(take_answer))
            .route(&format!("/api/webrtc/session/{id}/candidates/browser"), get(no_candidates))
            .with_state(controller.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (controller, address)
    }

    pub(crate) fn offer(&self, epoch: u32, sdp: String) {
        let offer = Offer { kind: OfferType::Offer, sdp: sdp.into() };
        self.change(|session| {
            session.offer = Some(OfferInEpoch { offer, candidates: Vec::new(), epoch: Epoch(epoch) })
        });
    }

    /// A view begins.
    pub(crate) fn watch(&self, view: &ViewId, sdp: String) {
        let kind = ViewEntryKind::Offered { offer: Offer { kind: OfferType::Offer, sdp: sdp.into() } };
        self.change(|session| {
            let seq = session.views.len() as u32 + 1;
            session.views.push(ViewEntry { seq, view: view.clone(), kind });
        });
    }

    pub(crate) fn end(&self) {
        self.change(|session| session.ended = true);
    }

    /// Waits until the session is as wished.
    pub(crate) async fn until(&self, what: &str, wish: impl Fn(&Session) -> bool) -> Session {
        let mut session = self.subscribe();
        let wished = timeout(Duration::from_secs(90), session.wait_for(|now| wish(now))).await;
        match wished {
            Ok(now) => now.unwrap().clone(),
            Err(_) => panic!("{what} did not happen; reports: {:?}", self.subscribe().borrow().reports),
        }
    }

    fn subscribe(&self) -> watch::Receiver<Session> {
        self.session.lock().unwrap().subscribe()
    }

    fn change(&self, change: impl FnOnce(&mut Session)) {
        self.session.lock().unwrap().send_modify(change);
    }

    fn gone(&self) -> Option<Response> {
        self.subscribe().borrow().ended.then(|| StatusCode::GONE.into_response())
    }
}

async fn give_assignment(State(controller): State<Controller>) -> Response {
    controller.change(|session| session.asked = true);
    Json((*controller.assignment).clone()).into_response()
}

async fn take_reports(State(controller): State<Controller>, Json(reports): Json<Reports>) -> Response {
    controller.change(|session| session.reports.extend(reports.reports));
    controller.gone().unwrap_or_else(|| StatusCode::NO_CONTENT.into_response())
}

async fn take_credential(State(controller): State<Controller>, Json(credential): Json<CapturedCredential>) -> Response {
    controller.change(|session| session.credential = Some(credential));
    StatusCode::NO_CONTENT.into_response()
}

#[derive(Deserialize)]
struct After {
    after: Epoch,
    wait: u64,
}

#[derive(Deserialize)]
struct AfterSeq {
    after: u32,
    wait: u64,
}

async fn give_offer(State(controller): State<Controller>, Query(query): Query<After>) -> Response {
    let mut session = controller.subscribe();
    let newer = |now: &Session| now.ended || now.offer.as_ref().is_some_and(|offer| offer.epoch > query.after);
    if timeout(Duration::from_secs(query.wait), session.wait_for(newer)).await.is_err() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let offer = session.borrow().offer.clone();
    controller.gone().or_else(|| offer.map(|offer| Json(offer).into_response())).unwrap()
}

async fn take_answer(State(controller): State<Controller>, Json(answer): Json<AnswerWithCandidates>) -> Response {
    controller.change(|session| session.answers.push(answer));
    StatusCode::CREATED.into_response()
}

async fn no_candidates(State(controller): State<Controller>) -> Response {
    let mut session = controller.subscribe();
    let _ = timeout(Duration::from_secs(5), session.wait_for(|now| now.ended)).await;
    controller.gone().unwrap_or_else(|| StatusCode::NO_CONTENT.into_response())
}

async fn give_views(State(controller): State<Controller>, Query(query): Query<AfterSeq>) -> Response {
    let mut session = controller.subscribe();
    let newer = |now: &Session| now.ended || now.views.len() as u32 > query.after;
    if timeout(Duration::from_secs(query.wait), session.wait_for(newer)).await.is_err() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let views = session.borrow().views.clone();
    let (next, entries) = (views.len() as u32, views.into_iter().skip(query.after as usize).collect());
    controller.gone().unwrap_or_else(|| Json(ViewLog { entries, next }).into_response())
}

async fn take_view_reply(
    State(controller): State<Controller>,
    UrlPath(view): UrlPath<String>,
    Json(reply): Json<ViewReply>,
) -> Response {
    controller.change(|session| session.view_replies.push((view.parse().unwrap(), reply)));
    StatusCode::NO_CONTENT.into_response()
}

pub(crate) fn session_id() -> SessionId {
    SessionId::from_random([9; 16])
}
