//! What a run without a terminal writes, as a stream of server-sent events for one reader: a script, or an agent. It begins the
//! CLI, whose input is empty, and ends with `done`. What the reader has not taken waits in the machine.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anteroom_protocol::{
    SessionId, UserId,
    run::RunState,
    session::Reason,
    terminal::{BYTES, ERRORS, TerminalSize},
};
use axum::{
    extract::State,
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::{events::KEEP_ALIVE, extract::InRun, gate::Person, openapi::Problems, problems::Answer};
use crate::{Controller, Error, terminal::Seat, wake::Waiter};

/// Nothing is drawn.
const NO_SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };
/// How often a silent run is noted as used.
const LOOK: Duration = Duration::from_secs(5);

/// What a run wrote, or its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum OutputEvent {
    /// On its standard output. A character is never cut; bytes that are none are U+FFFD.
    Output {
        /// The text.
        text: String,
    },
    /// On its standard error.
    Errors {
        /// The text.
        text: String,
    },
    /// It has ended; nothing follows.
    Done {
        /// What the CLI ended with; none when it never began.
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        /// Why it ended.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
    },
}

/// What a run without a terminal writes, from the CLI's start to `done`. One reader at a time: what was read is not repeated. The
/// CLI's input is empty. `DELETE /api/runs/{id}` cancels.
#[utoipa::path(
    get, path = "/api/runs/{id}/output", tag = "person", params(("id" = String, Path)),
    responses((status = 200, description = "The output.", body = OutputEvent, content_type = "text/event-stream"), Problems)
)]
pub(crate) async fn read_output(
    State(controller): State<Arc<Controller>>,
    Person(user): Person,
    InRun(id): InRun,
) -> Answer<Response> {
    let waiter = controller.waiter(&id);
    if controller.run(&user, &id).await?.terminal {
        return Err(Error::HasTerminal.into());
    }
    let seat = controller.terminals.of(&id).join(NO_SIZE);
    // The CLI's input ends before it begins.
    seat.terminal.types(seat.number, Vec::new()).await;
    let reader =
        Reader { controller, user, id, waiter, seat, drawn: 0, output: Text::default(), errors: Text::default() };
    Ok(Sse::new(events(reader)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn events(reader: Reader) -> impl Stream<Item = Result<Event, axum::Error>> {
    stream::unfold(Some(reader), async |reader| {
        let mut reader = reader?;
        match reader.next().await {
            Ok(event) => {
                let goes_on = !matches!(event, OutputEvent::Done { .. });
                Some((Event::default().json_data(event), goes_on.then_some(reader)))
            }
            // The reader sees that the stream ended without `done`.
            Err(error) => {
                tracing::warn!(run = %reader.id, error = &error as &dyn std::error::Error, "a run's output breaks off");
                None
            }
        }
    })
}

struct Reader {
    controller: Arc<Controller>,
    user: UserId,
    id: SessionId,
    waiter: Waiter,
    seat: Seat,
    drawn: u64,
    output: Text,
    errors: Text,
}

impl Reader {
    async fn next(&mut self) -> Result<OutputEvent, Error> {
        // What the stream was asked beyond is read by now.
        let (number, drawn) = (self.seat.number, self.drawn);
        let _ = self.seat.terminal.with(|relay| relay.drawn(number, drawn, Instant::now()));
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let far = tokio::time::Instant::now() + Duration::from_secs(u64::from(u32::MAX));
        loop {
            tokio::select! {
                biased;
                Some(message) = self.seat.outbox.recv() => {
                    if let Some(event) = self.wrote(&message) {
                        return Ok(event);
                    }
                }
                _ = self.waiter.changed_before(far) => {
                    if let Some(event) = self.at_the_end().await? {
                        return Ok(event);
                    }
                }
                _ = look.tick() => {
                    let notes = self.seat.terminal.with(|relay| {
                        relay.look(Instant::now());
                        relay.is_noteworthy(Instant::now())
                    });
                    if notes {
                        self.controller.note_use(&self.id).await;
                    }
                    // The run may have ended before this reader came.
                    if let Some(event) = self.at_the_end().await? {
                        return Ok(event);
                    }
                }
            }
        }
    }

    fn wrote(&mut self, message: &[u8]) -> Option<OutputEvent> {
        let (kind, bytes) = message.split_first()?;
        let text = match *kind {
            BYTES => self.output.push(bytes),
            ERRORS => self.errors.push(bytes),
            _ => return None,
        };
        self.drawn += bytes.len() as u64;
        match *kind {
            _ if text.is_empty() => None,
            ERRORS => Some(OutputEvent::Errors { text }),
            _ => Some(OutputEvent::Output { text }),
        }
    }

    /// What comes at the run's end: everything that it wrote, half characters, and then its end.
    async fn at_the_end(&mut self) -> Result<Option<OutputEvent>, Error> {
        if self.waiter.is_closing() {
            return Err(Error::Closing);
        }
        let run = self.controller.run(&self.user, &self.id).await?;
        if run.state != RunState::Ended {
            return Ok(None);
        }
        while let Ok(message) = self.seat.outbox.try_recv() {
            if let Some(event) = self.wrote(&message) {
                return Ok(Some(event));
            }
        }
        let (output, errors) = (self.output.rest(), self.errors.rest());
        Ok(Some(match (output, errors) {
            (Some(text), _) => OutputEvent::Output { text },
            (None, Some(text)) => OutputEvent::Errors { text },
            (None, None) => OutputEvent::Done { exit_code: run.exit_code, reason: run.reason },
        }))
    }
}

/// Bytes that come in pieces, as text: a character that is cut waits for its other bytes.
#[derive(Default)]
struct Text {
    cut: Vec<u8>,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) -> String {
        self.cut.extend_from_slice(bytes);
        let (mut text, mut taken) = (String::with_capacity(self.cut.len()), 0);
        for chunk in self.cut.utf8_chunks() {
            text.push_str(chunk.valid());
            taken += chunk.valid().len();
            let is_cut = std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
            if is_cut && taken + chunk.invalid().len() == self.cut.len() {
                break;
            }
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                taken += chunk.invalid().len();
            }
        }
        self.cut.drain(..taken);
        text
    }

    /// What never became a character, once.
    fn rest(&mut self) -> Option<String> {
        let is_cut = !std::mem::take(&mut self.cut).is_empty();
        is_cut.then(|| char::REPLACEMENT_CHARACTER.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_character_that_is_cut_waits_for_its_other_bytes_and_others_do_not() {
        let mut text = Text::default();
        assert_eq!(text.push(b"a\xe2\x82"), "a");
        assert_eq!(text.push(b"\xac b\xff c\xf0\x9f"), "€ b\u{fffd} c");
        assert_eq!(text.push(b"\x98\x80"), "😀");
        assert_eq!(text.rest(), None);
        assert_eq!(text.push(b"\xe2\x82"), "");
        assert_eq!(text.push(b"x"), "\u{fffd}x");
        assert_eq!(text.push(b"\xe2"), "");
        assert_eq!((text.rest(), text.rest()), (Some("\u{fffd}".to_owned()), None));
    }

    proptest! {
        #[test]
        fn pieces_are_the_text_that_the_whole_is(bytes in prop::collection::vec(any::<u8>(), 0..60), cuts in prop::collection::vec(0..60_usize, 0..6)) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut text = Text::default();
            let mut pieces: String = cuts.windows(2).map(|cut| text.push(&bytes[cut[0]..cut[1]])).collect();
            pieces.extend(text.rest());
            prop_assert_eq!(pieces, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
