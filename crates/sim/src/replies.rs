//! What the controller may reply. Each reply is looked at where it is made, also those that nobody gets.

use anteroom_controller::{SignInStarted, StartSignIn};
use anteroom_protocol::{
    Epoch, SessionId,
    guest::Pastes,
    session::SessionView,
    signaling::{AnswerInEpoch, AnswerWithCandidates, CandidateLog, OfferInEpoch, OfferWithCandidates},
};
use axum::http::Method;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    air::name_in,
    call::{Call, Door, Reply},
    referee::Look,
    scene::Scene,
};

#[derive(Deserialize)]
struct OfferStored {
    epoch: Epoch,
}

impl Scene {
    /// A reply to a request that arrived at `look`.
    pub(crate) fn replied(&self, call: &Call, reply: &Reply, look: &Look) {
        self.referee.count(&format!("status {}", reply.status));
        if call.token == self.stranger {
            if reply.status != 404 && !reply.is_passing() {
                self.broken("access", format!("a stranger: {} -> {}", call.name(), reply.status));
            }
            return;
        }
        self.status_is_right(call, reply, look);
        self.came_in_time(call, reply, look);
        self.means_what_it_says(call, reply);
    }

    fn status_is_right(&self, call: &Call, reply: &Reply, look: &Look) {
        let kind = reply.kind();
        let fits = match reply.status {
            200 | 201 | 204 => true,
            401 => call.door == Door::Guest,
            // A text may come before the tool waits for one, or too late.
            409 => kind != "not-now" || call.path.ends_with("/paste"),
            410 => true,
            // It is gone by now, or no row ever knew it.
            404 => call.path.starts_with("/api/machines/"),
            422 => kind == "credential-refused",
            503 if kind == "no-capacity" => true,
            500.. => self.referee.store_failed_since(look),
            _ => false,
        };
        if !fits {
            let detail = reply.problem().map(|problem| problem.detail).unwrap_or_default();
            self.broken("replies", format!("{} -> {} {kind}: {detail}", call.name(), reply.status));
        }
    }

    /// "Not yet" is said after waiting, and never for ever.
    fn came_in_time(&self, call: &Call, reply: &Reply, look: &Look) {
        let Some(wait) = call.wait else { return };
        let took = self.took(look);
        if reply.status == 204 && took < wait && !self.referee.closing_since(look) {
            self.broken("no-null", format!("{} -> not yet, after {took:?}", call.name()));
        }
    }

    fn means_what_it_says(&self, call: &Call, reply: &Reply) {
        let session = session_in(&call.path);
        if reply.status == 410 {
            match (reply.end(), &session) {
                (None, _) => self.broken("no-null", format!("{} -> ended, without a reason", call.name())),
                (Some(code), Some(session)) => self.ended(session, code, None),
                (Some(_), None) => {}
            }
        }
        let path = call.path.split('?').next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        match (&call.method, last, reply.status) {
            (&Method::GET, "assignment", 200) => self.assigned(&call.token),
            (&Method::GET, "offer", 200) => self.is_whole::<OfferInEpoch>(call, reply),
            (&Method::GET, "answer", 200) => self.is_whole::<AnswerInEpoch>(call, reply),
            (&Method::GET, "browser" | "vm", 200) => self.is_whole::<CandidateLog>(call, reply),
            (&Method::GET, "pastes", 200) => self.is_whole::<Pastes>(call, reply),
            (&Method::POST, "auth", 201) => self.click_was_taken(call, reply),
            (&Method::POST, "offer", 201) => self.offer_was_taken(call, reply, session.as_ref()),
            (&Method::POST, "answer", 201) => self.answer_was_first(call, session.as_ref()),
            (&Method::GET | &Method::DELETE, _, 200) if path.starts_with("/api/session/") => {
                self.is_a_view(call, reply)
            }
            _ => {}
        }
    }

    /// A reader gets the object, and nothing else.
    fn is_whole<T: DeserializeOwned>(&self, call: &Call, reply: &Reply) {
        if reply.parse::<T>().is_none() {
            self.broken("no-null", format!("{} -> {}", call.name(), String::from_utf8_lossy(&reply.body)));
        }
    }

    fn click_was_taken(&self, call: &Call, reply: &Reply) {
        let (Some(click), Some(started)) = (sent::<StartSignIn>(call), reply.parse::<SignInStarted>()) else {
            return self.broken("no-null", format!("{} -> no session", call.name()));
        };
        self.clicked(call.key.as_deref().unwrap_or_default(), &started.session_id);
        if let Some(offer) = click.webrtc_offer {
            self.epoch_is(&started.session_id, started.epoch, name_in(offer.offer.sdp.expose()));
        }
    }

    fn offer_was_taken(&self, call: &Call, reply: &Reply, session: Option<&SessionId>) {
        let stored = reply.parse::<OfferStored>();
        let (Some(offer), Some(stored), Some(session)) = (sent::<OfferWithCandidates>(call), stored, session) else {
            return self.broken("no-null", format!("{} -> no epoch", call.name()));
        };
        self.epoch_is(session, stored.epoch, name_in(offer.offer.sdp.expose()));
    }

    fn answer_was_first(&self, call: &Call, session: Option<&SessionId>) {
        let (Some(answer), Some(session)) = (sent::<AnswerWithCandidates>(call), session) else { return };
        let mut book = self.referee.book();
        let count = book.firsts.entry((session.clone(), answer.epoch)).or_default();
        *count += 1;
        let count = *count;
        drop(book);
        if count > 1 {
            self.broken("one-answer", format!("epoch {} of {session} had {count} first answers", answer.epoch));
        }
    }

    fn is_a_view(&self, call: &Call, reply: &Reply) {
        let Some(view) = reply.parse::<SessionView>() else {
            return self.broken("no-null", format!("{} -> no view", call.name()));
        };
        if view.state.is_terminal() != view.reason.is_some() || view.reason.is_some() != view.ended_at.is_some() {
            self.broken("one-end", format!("{} is {:?} with reason {:?}", view.session_id, view.state, view.reason));
        }
        if let Some(reason) = &view.reason {
            self.ended(&view.session_id, reason.code, view.ended_at);
        }
    }
}

/// What the call's body says.
fn sent<T: DeserializeOwned>(call: &Call) -> Option<T> {
    serde_json::from_str(call.body.as_deref()?).ok()
}

fn session_in(path: &str) -> Option<SessionId> {
    path.split(['/', '?']).find_map(|part| part.parse().ok())
}
