//! Viewers who only watch (WHEP): each opens a view with an offer of its own, and the guest answers all of them from one
//! encoder. What is decided stands in [`anteroom_session::view`]; the rows are in the store, so that a view outlives a
//! restart. A session's end ends its views: nothing is written for that.

use std::time::Duration;

use anteroom_protocol::{
    Secret, SessionId, UserId, ViewId,
    ice::IceServer,
    sdpfrag::Fragment,
    signaling::{Answer, Offer, OfferType, check_sdp},
    view::{ViewEntry, ViewLog, ViewReply},
};
use anteroom_session::view::{ANSWER_MS, View, ViewChange, ViewRefusal, ViewState, Views, WhyRefused, check_session};
use anteroom_store::CommitError;

use crate::{
    Caller, Controller, Error, Holder,
    controller::{MAX_CONFLICTS, Uncommitted},
    error::Noun,
    guest::check_detail,
    ports::random,
    wake::Waiter,
};

/// Entries read from the store at once: as many as there can be views.
const ENTRIES_PER_READ: u32 = 16;
/// The longest piece of the log, bytes of JSON. The guest takes 1 MiB; one entry has 400 kB at the most, when each byte
/// of a long SDP has to be escaped.
const MAX_PIECE_BYTES: usize = 512 * 1024;

/// A view that can be watched.
#[derive(Debug)]
pub(crate) struct Watching {
    pub(crate) view: ViewId,
    /// The guest's answer, with all its candidates.
    pub(crate) answer: Answer,
    /// Names its ICE session.
    pub(crate) tag: String,
}

impl Controller {
    /// Opens a view and waits for the guest's answer.
    ///
    /// # Errors
    /// A wrong offer, no picture yet, no answer in time, the session's end.
    pub(crate) async fn watch(&self, user: &UserId, id: &SessionId, sdp: String) -> Result<Watching, Error> {
        check_sdp(&sdp).map_err(ViewRefusal::from)?;
        let caller = Caller::Person(user.clone());
        check_session(&self.load(&caller, id).await?.session)?;
        let offer = Offer { kind: OfferType::Offer, sdp: Secret::new(sdp) };
        let view = ViewId::from_random(random(&*self.entropy));
        let mut waiter = self.waiter(id);
        self.change_views(id, |views| views.open(id, view.clone(), offer.clone(), self.now()).map(Some)).await?;
        self.answered(&caller, id, &view, &mut waiter).await
    }

    async fn answered(
        &self,
        caller: &Caller,
        id: &SessionId,
        view: &ViewId,
        waiter: &mut Waiter,
    ) -> Result<Watching, Error> {
        let deadline = Self::poll_deadline(Duration::from_millis(ANSWER_MS.unsigned_abs()));
        loop {
            self.going_on(caller, id).await?;
            let found = self.stored_view(id, view).await?;
            match &found.state {
                ViewState::Offered if waiter.changed_before(deadline).await => {}
                // Whatever the guest says from now on is refused, unless it was faster.
                ViewState::Offered => self.on_view(id, view, |views, view| Ok(views.give_up(view))).await?,
                ViewState::Answered { .. } => {
                    let answer = self.store.view_answer(view).await?.ok_or(Error::NotFound(Noun::View))?;
                    return Ok(Watching { view: view.clone(), answer, tag: found.tag() });
                }
                ViewState::Refused { why: WhyRefused::NotYet } => return Err(ViewRefusal::NoPicture.into()),
                ViewState::Refused { why: WhyRefused::Unusable { detail } } => {
                    return Err(ViewRefusal::Unusable { detail: detail.clone() }.into());
                }
                ViewState::Closed => return Err(ViewRefusal::NoAnswer.into()),
            }
        }
    }

    /// Relays for a viewer, with credentials that reach its session's machine and nothing else.
    pub(crate) fn ice_servers_for(&self, id: &SessionId, page_host: &str) -> Vec<IceServer> {
        self.relays.issue(page_host, &Holder::Session(id.clone()), self.now()).servers
    }

    /// Takes a viewer's candidates.
    ///
    /// # Errors
    /// No such view, no or another tag, not a fragment, candidates that can't be taken, an end.
    pub(crate) async fn trickle_view(
        &self,
        user: &UserId,
        id: &SessionId,
        view: &ViewId,
        if_match: Option<&str>,
        fragment: &str,
    ) -> Result<(), Error> {
        self.going_on(&Caller::Person(user.clone()), id).await?;
        self.stored_view(id, view).await?.check_tag(if_match)?;
        let fragment = Fragment::parse(fragment)?;
        self.on_view(id, view, |views, view| views.trickle(view, fragment.clone())).await
    }

    /// The viewer goes away. Once is as good as twice.
    ///
    /// # Errors
    /// There is no such view of theirs.
    pub(crate) async fn close_view(&self, user: &UserId, id: &SessionId, view: &ViewId) -> Result<(), Error> {
        self.load(&Caller::Person(user.clone()), id).await?;
        self.on_view(id, view, |views, view| Ok(views.close(view))).await
    }

    /// The guest waits for more of its session's log of views.
    pub(crate) async fn next_views(
        &self,
        id: &SessionId,
        after: u32,
        wait: Duration,
    ) -> Result<Option<ViewLog>, Error> {
        let (mut waiter, deadline) = (self.waiter(id), Self::poll_deadline(wait));
        loop {
            self.going_on(&Caller::Machine(id.clone()), id).await?;
            let entries = piece(self.store.view_entries(id, after, ENTRIES_PER_READ).await?);
            if let Some(last) = entries.last() {
                let next = last.seq;
                return Ok(Some(ViewLog { entries, next }));
            }
            if !waiter.changed_before(deadline).await {
                return Ok(None);
            }
        }
    }

    /// Stores what the guest says to a view's offer. The same again is fine.
    ///
    /// # Errors
    /// A wrong description, another offer than the view's, another answer than the stored one, an end.
    pub(crate) async fn answer_view(&self, id: &SessionId, view: &ViewId, reply: ViewReply) -> Result<(), Error> {
        match &reply {
            ViewReply::Answered { answer, .. } => check_sdp(answer.sdp.expose())
                .map_err(|problem| Error::Signal { field: "answer.sdp".to_owned(), problem })?,
            ViewReply::Unusable { detail } => {
                check_detail(detail).map_err(|problem| Error::Invalid { field: "detail".to_owned(), problem })?
            }
            ViewReply::NotYet => {}
        }
        self.going_on(&Caller::Machine(id.clone()), id).await?;
        self.on_view(id, view, |views, view| views.reply(view, reply.clone())).await
    }

    async fn stored_view(&self, id: &SessionId, view: &ViewId) -> Result<View, Error> {
        self.store.view(id, view).await?.ok_or(Error::NotFound(Noun::View))
    }

    /// Decides on one view as it is, and commits what is decided; decides again when somebody else was first.
    async fn on_view(
        &self,
        id: &SessionId,
        view: &ViewId,
        decide: impl Fn(&Views, &View) -> Result<Option<ViewChange>, ViewRefusal>,
    ) -> Result<(), Error> {
        for _ in 0..MAX_CONFLICTS {
            // In this order: a view that is newer than the version makes the commit a conflict.
            let stored = self.store.views(id).await?;
            let found = self.stored_view(id, view).await?;
            let Some(change) = decide(&stored.views, &found)? else { return Ok(()) };
            if self.commit_views(id, stored.version, &change).await? {
                return Ok(());
            }
        }
        Err(Error::Busy(MAX_CONFLICTS))
    }

    /// The same for all of them.
    async fn change_views(
        &self,
        id: &SessionId,
        decide: impl Fn(&Views) -> Result<Option<ViewChange>, ViewRefusal>,
    ) -> Result<(), Error> {
        for _ in 0..MAX_CONFLICTS {
            let stored = self.store.views(id).await?;
            let Some(change) = decide(&stored.views)? else { return Ok(()) };
            if self.commit_views(id, stored.version, &change).await? {
                return Ok(());
            }
        }
        Err(Error::Busy(MAX_CONFLICTS))
    }

    /// False when somebody else was first.
    async fn commit_views(&self, id: &SessionId, version: u64, change: &ViewChange) -> Result<bool, Error> {
        match self.store.commit_views(id, version, change).await {
            Ok(()) => {
                self.views_committed(id);
                Ok(true)
            }
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(error) => match Uncommitted::from(error) {
                Uncommitted::Conflict => Ok(false),
                Uncommitted::Error(error) => Err(error),
            },
        }
    }
}

/// The first entries, as many as fit; one always does.
fn piece(mut entries: Vec<ViewEntry>) -> Vec<ViewEntry> {
    let mut bytes = 0;
    let fits = |entry: &ViewEntry| {
        bytes += serde_json::to_string(entry).map_or(MAX_PIECE_BYTES, |json| json.len());
        bytes <= MAX_PIECE_BYTES
    };
    let count = entries.iter().map(fits).take_while(|fits| *fits).count();
    entries.truncate(count.max(1));
    entries
}

#[cfg(test)]
mod tests {
    use anteroom_protocol::{limits, view::ViewEntryKind};

    use super::*;

    fn entries(count: u32, sdp: &str) -> Vec<ViewEntry> {
        let offer = || Offer { kind: OfferType::Offer, sdp: Secret::new(sdp.to_owned()) };
        let entry = |seq| ViewEntry {
            seq,
            view: ViewId::from_random([1; 16]),
            kind: ViewEntryKind::Offered { offer: offer() },
        };
        (1..=count).map(entry).collect()
    }

    #[test]
    fn a_piece_of_the_log_is_one_that_the_guest_can_take() {
        assert_eq!(piece(Vec::new()), []);
        assert_eq!(piece(entries(ENTRIES_PER_READ, "v=0")).len(), ENTRIES_PER_READ as usize);
        for longest in ["a".repeat(limits::MAX_SDP_BYTES), "\u{1}".repeat(limits::MAX_SDP_BYTES)] {
            let taken = piece(entries(ENTRIES_PER_READ, &longest));
            let bytes = serde_json::to_vec(&taken).unwrap().len();
            assert!(!taken.is_empty() && taken.len() < ENTRIES_PER_READ as usize && bytes < 1024 * 1024, "{bytes}");
        }
    }
}
