//! Sessions that wait for a place, when as many machines are there as may be. Their offers are stored, and the connections
//! that made them wait; each gets its machine in the order in which they came, when one before them has gone.
//!
//! The rows say who waits. Whoever takes a place takes it in the transaction that plans the machine, so that it does not
//! matter who looks, nor how often.

use anteroom_protocol::SessionId;
use anteroom_session::{Input, Refusal, Session};
use anteroom_store::{Extras, Full};

use crate::{
    Caller, Controller, Error,
    controller::{MAX_CONFLICTS, Uncommitted},
};

/// Sessions that are looked at together; more than may wait anywhere.
const MAX_LOOKED_AT: u32 = 1024;

impl Controller {
    /// How many are before this session, while it waits for a place.
    pub(crate) async fn ahead(&self, session: &Session) -> Result<Option<u32>, Error> {
        if session.queued_since().is_none() {
            return Ok(None);
        }
        let waiting = self.store.queue(MAX_LOOKED_AT).await?;
        let place = waiting.iter().position(|id| *id == session.id);
        Ok(place.and_then(|place| u32::try_from(place).ok()))
    }

    /// Gives places to those who wait, as far as there are some. Returns whether somebody still waits.
    pub(crate) async fn serve_queue(&self) -> Result<bool, Error> {
        let mut waits = false;
        for session in self.store.queue(MAX_LOOKED_AT).await? {
            match self.place(&session).await {
                Ok(()) | Err(Error::Refused(Refusal::Ended(_))) => {}
                // One person's limit holds up nobody else.
                Err(Error::NoCapacity(Full::Owner)) => waits = true,
                Err(Error::NoCapacity(Full::Machines | Full::Queue)) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(waits)
    }

    async fn place(&self, id: &SessionId) -> Result<(), Error> {
        for _ in 0..MAX_CONFLICTS {
            let stored = self.load(&Caller::Controller, id).await?;
            let machine = self.machine_for_session().await?;
            match self.commit(&stored, Input::Placed { machine: machine.clone() }, Extras::default()).await {
                Ok(decided) => {
                    tracing::info!(session = %id, machine = ?decided.session.machine, "the session has a place");
                    return Ok(());
                }
                // Its page has made another offer, or the pooled machine was taken.
                Err(Uncommitted::Conflict) => {}
                Err(Uncommitted::Error(error)) => {
                    self.pool.put_back(&machine);
                    return Err(error);
                }
            }
        }
        Err(Error::Busy(MAX_CONFLICTS))
    }
}
