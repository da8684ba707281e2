//! The fake's views, and the rules that a database would hold by its schema.

use std::collections::HashMap;

use anteroom_protocol::{SessionId, ViewId, signaling::Answer, view::ViewEntry};
use anteroom_session::view::{View, ViewChange, ViewState, Views};

use super::tables::{Tables, refused};
use crate::{CommitError, StoreError, StoredViews};

/// All views, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct ViewTables {
    versions: HashMap<SessionId, u64>,
    views: Vec<View>,
    answers: HashMap<ViewId, Answer>,
    entries: HashMap<SessionId, Vec<ViewEntry>>,
}

impl Tables {
    pub(super) fn commit_views(
        &mut self,
        id: &SessionId,
        version: u64,
        change: &ViewChange,
    ) -> Result<(), CommitError> {
        let current = self.views.versions.entry(id.clone()).or_default();
        if *current != version {
            return Err(CommitError::Conflict(id.clone()));
        }
        *current += 1;
        if self.session(id).is_none() {
            return Err(refused(id, "views belong to a session").into());
        }
        for view in &change.views {
            self.views.put(view)?;
        }
        if let Some((view, answer)) = &change.answer {
            self.views.put_answer(view, answer)?;
        }
        for entry in &change.entries {
            self.views.append(id, entry)?;
        }
        Ok(())
    }
}

impl ViewTables {
    fn put(&mut self, view: &View) -> Result<(), StoreError> {
        let Some(known) = self.views.iter_mut().find(|known| known.id == view.id) else {
            if view.state != ViewState::Offered {
                return Err(refused(&view.id, "a view begins once, with its offer"));
            }
            self.views.push(view.clone());
            return Ok(());
        };
        if known.session != view.session {
            return Err(refused(&view.id, "a view begins once, with its offer"));
        }
        let onwards = match (&known.state, &view.state) {
            (ViewState::Offered, _)
            | (ViewState::Answered { .. }, ViewState::Answered { .. } | ViewState::Closed)
            | (ViewState::Refused { .. }, ViewState::Refused { .. })
            | (ViewState::Closed, ViewState::Closed) => true,
            (ViewState::Answered { .. }, ViewState::Offered | ViewState::Refused { .. })
            | (ViewState::Refused { .. }, ViewState::Offered | ViewState::Answered { .. } | ViewState::Closed)
            | (ViewState::Closed, ViewState::Offered | ViewState::Answered { .. } | ViewState::Refused { .. }) => false,
        };
        if !onwards {
            return Err(refused(&view.id, "a view that is over or answered stays so"));
        }
        *known = view.clone();
        Ok(())
    }

    fn put_answer(&mut self, view: &ViewId, answer: &Answer) -> Result<(), StoreError> {
        if self.answers.contains_key(view) || !self.knows(view) {
            return Err(refused(view, "a view takes one answer"));
        }
        self.answers.insert(view.clone(), answer.clone());
        Ok(())
    }

    fn append(&mut self, id: &SessionId, entry: &ViewEntry) -> Result<(), StoreError> {
        let known = self.knows(&entry.view);
        let log = self.entries.entry(id.clone()).or_default();
        if entry.seq as usize != log.len() + 1 || !known {
            return Err(refused(id, "a log of views has no gaps"));
        }
        log.push(entry.clone());
        Ok(())
    }

    fn knows(&self, view: &ViewId) -> bool {
        self.views.iter().any(|known| known.id == *view)
    }

    pub(super) fn of_session(&self, id: &SessionId) -> StoredViews {
        let last = self.entries.get(id).and_then(|log| log.last()).map_or(0, |entry| entry.seq);
        let open = self.views.iter().filter(|view| view.session == *id && view.is_open()).cloned().collect();
        StoredViews { views: Views { last, open }, version: self.versions.get(id).copied().unwrap_or(0) }
    }

    pub(super) fn one(&self, id: &SessionId, view: &ViewId) -> Option<View> {
        self.views.iter().find(|known| known.id == *view && known.session == *id).cloned()
    }

    pub(super) fn answer(&self, view: &ViewId) -> Option<Answer> {
        self.answers.get(view).cloned()
    }

    pub(super) fn entries(&self, id: &SessionId, after: u32, limit: u32) -> Vec<ViewEntry> {
        let log = self.entries.get(id).into_iter().flatten();
        log.filter(|entry| entry.seq > after).take(limit as usize).cloned().collect()
    }
}
