//! The terminal of a run, as binary messages of a WebSocket (RFC 6455): between a viewer (the page, or `anteroom run`) and the
//! controller, and between the controller and the agent in the run's machine. The first byte of each says what follows; output
//! has the same bytes on both ways, so that it is passed on as it came.
//!
//! A run without a terminal has output and errors apart, and an end of what is typed.
//!
//! Either receiver of output says how much of it it has dealt with, and whoever sends keeps at most [`WINDOW_BYTES`] ahead of
//! that; with what is typed it is the same between controller and agent. Counts begin with the connection. Words are JSON, because there are few of them.

use serde::{Deserialize, Serialize};

/// Bytes, of the CLI or for it. For it, no bytes are their end, where there is no terminal.
pub const BYTES: u8 = 0;
/// Bytes of the CLI's standard error, where there is no terminal.
pub const ERRORS: u8 = 3;
/// Words in JSON.
const WORDS: u8 = 1;
/// A count of bytes, 64 bits, the most significant byte first. From the agent: a whole screen.
const COUNT: u8 = 2;
const SCREEN: u8 = 2;
/// From the agent: a count of bytes that the CLI has taken.
const TAKEN: u8 = 4;

/// Output that its receiver has not dealt with. A fast connection is never waited for, a slow one has at most this to go through
/// before it shows the present.
pub const WINDOW_BYTES: u64 = 1024 * 1024;
/// How far an agent goes ahead: its last message must fit into the window too, or the fastest viewer would be left behind.
pub const AGENT_WINDOW_BYTES: u64 = WINDOW_BYTES - 128 * 1024;
/// The longest message. A screen with its history is the largest.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Typed bytes in one message.
pub const MAX_TYPED_BYTES: usize = 64 * 1024;
/// Columns, and rows, of a terminal.
pub const MAX_SIDE: u16 = 1000;

/// A terminal's size in cells; both are 1 to [`MAX_SIDE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TerminalSize {
    /// Cells in a row.
    pub columns: u16,
    /// Rows that are seen.
    pub rows: u16,
}

impl TerminalSize {
    /// Whether a terminal can have it.
    #[must_use]
    pub fn is_possible(self) -> bool {
        (1..=MAX_SIDE).contains(&self.columns) && (1..=MAX_SIDE).contains(&self.rows)
    }
}

/// What a terminal is drawn on. Programs ask for it (OSC 11) to choose colours that can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Background {
    /// Bright on dark.
    #[default]
    Dark,
    /// Dark on bright.
    Light,
}

/// What a viewer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromViewer {
    /// Keys, at most [`MAX_TYPED_BYTES`].
    Typed(Vec<u8>),
    /// The size that it shows.
    Resize(TerminalSize),
    /// How many bytes of output it has drawn.
    Drawn(u64),
}

/// What a viewer is told, beside output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ViewerWords {
    /// The output that follows draws the whole screen anew, in this size, on a terminal that was reset.
    Screen {
        /// Cells in a row.
        columns: u16,
        /// Rows that are seen.
        rows: u16,
    },
    /// Another viewer has set this size.
    Size {
        /// Cells in a row.
        columns: u16,
        /// Rows that are seen.
        rows: u16,
    },
    /// The CLI has ended; nothing else follows.
    Ended {
        /// Its exit code; 128 + signal when it was killed.
        exit_code: i32,
    },
}

/// What the agent says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromAgent {
    /// What the CLI wrote: the whole message, its first byte with it.
    Output,
    /// How many bytes of what was typed the CLI has taken.
    Taken(u64),
    /// Everything that is on the screen, as output that draws it on a terminal that was reset.
    Screen(TerminalSize, Vec<u8>),
}

/// What the agent is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToAgent {
    /// Keys for the CLI.
    Typed(Vec<u8>),
    /// The terminal has this size from now on.
    Resize(TerminalSize),
    /// The whole screen is wanted, once.
    Draw,
    /// How many bytes of output, screens included, were dealt with.
    Drawn(u64),
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Order {
    Resize { columns: u16, rows: u16 },
    Draw,
}

/// A message that can't be one. Nothing of it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message of a terminal")]
pub struct NotAMessage;

impl FromViewer {
    /// Reads a message.
    ///
    /// # Errors
    /// It is none.
    pub fn read(message: &[u8]) -> Result<Self, NotAMessage> {
        match split(message)? {
            (BYTES, bytes) if bytes.len() <= MAX_TYPED_BYTES => Ok(Self::Typed(bytes.to_vec())),
            (WORDS, words) => match order(words)? {
                Order::Resize { columns, rows } => Ok(Self::Resize(size(columns, rows)?)),
                Order::Draw => Err(NotAMessage),
            },
            (COUNT, bytes) => count(bytes).map(Self::Drawn),
            _ => Err(NotAMessage),
        }
    }

    /// As a message.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        match self {
            Self::Typed(bytes) => tagged(BYTES, bytes),
            Self::Resize(TerminalSize { columns, rows }) => words(&Order::Resize { columns: *columns, rows: *rows }),
            Self::Drawn(count) => tagged(COUNT, &count.to_be_bytes()),
        }
    }
}

impl ViewerWords {
    /// Reads a message that is no output.
    ///
    /// # Errors
    /// It is none of these.
    pub fn read(message: &[u8]) -> Result<Self, NotAMessage> {
        let (WORDS, words) = split(message)? else { return Err(NotAMessage) };
        let read = serde_json::from_slice(words).map_err(|_| NotAMessage)?;
        if let Self::Screen { columns, rows } | Self::Size { columns, rows } = read {
            size(columns, rows)?;
        }
        Ok(read)
    }

    /// As a message.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        words(self)
    }
}

impl FromAgent {
    /// Reads a message.
    ///
    /// # Errors
    /// It is none.
    pub fn read(message: &[u8]) -> Result<Self, NotAMessage> {
        match split(message)? {
            (BYTES | ERRORS, _) => Ok(Self::Output),
            (TAKEN, bytes) => count(bytes).map(Self::Taken),
            (SCREEN, [c1, c0, r1, r0, bytes @ ..]) => {
                let size = size(u16::from_be_bytes([*c1, *c0]), u16::from_be_bytes([*r1, *r0]))?;
                Ok(Self::Screen(size, bytes.to_vec()))
            }
            _ => Err(NotAMessage),
        }
    }

    /// The message of what the CLI has taken.
    #[must_use]
    pub fn taken(count: u64) -> Vec<u8> {
        tagged(TAKEN, &count.to_be_bytes())
    }

    /// The message of a screen.
    #[must_use]
    pub fn screen(size: TerminalSize, drawing: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(5 + drawing.len());
        message.push(SCREEN);
        message.extend_from_slice(&size.columns.to_be_bytes());
        message.extend_from_slice(&size.rows.to_be_bytes());
        message.extend_from_slice(drawing);
        message
    }
}

impl ToAgent {
    /// Reads a message.
    ///
    /// # Errors
    /// It is none.
    pub fn read(message: &[u8]) -> Result<Self, NotAMessage> {
        match split(message)? {
            (BYTES, bytes) => Ok(Self::Typed(bytes.to_vec())),
            (WORDS, words) => match order(words)? {
                Order::Resize { columns, rows } => Ok(Self::Resize(size(columns, rows)?)),
                Order::Draw => Ok(Self::Draw),
            },
            (COUNT, bytes) => count(bytes).map(Self::Drawn),
            _ => Err(NotAMessage),
        }
    }

    /// As a message.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        match self {
            Self::Typed(bytes) => tagged(BYTES, bytes),
            Self::Resize(TerminalSize { columns, rows }) => words(&Order::Resize { columns: *columns, rows: *rows }),
            Self::Draw => words(&Order::Draw),
            Self::Drawn(count) => tagged(COUNT, &count.to_be_bytes()),
        }
    }
}

/// The message of output.
#[must_use]
pub fn output(bytes: &[u8]) -> Vec<u8> {
    tagged(BYTES, bytes)
}

/// The message of what was written to the standard error.
#[must_use]
pub fn errors(bytes: &[u8]) -> Vec<u8> {
    tagged(ERRORS, bytes)
}

fn split(message: &[u8]) -> Result<(u8, &[u8]), NotAMessage> {
    let (first, rest) = message.split_first().ok_or(NotAMessage)?;
    Ok((*first, rest))
}

fn tagged(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(1 + bytes.len());
    message.push(tag);
    message.extend_from_slice(bytes);
    message
}

fn words(words: &impl Serialize) -> Vec<u8> {
    tagged(WORDS, &serde_json::to_vec(words).expect("words are JSON"))
}

fn order(words: &[u8]) -> Result<Order, NotAMessage> {
    serde_json::from_slice(words).map_err(|_| NotAMessage)
}

fn count(bytes: &[u8]) -> Result<u64, NotAMessage> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| NotAMessage)
}

fn size(columns: u16, rows: u16) -> Result<TerminalSize, NotAMessage> {
    let size = TerminalSize { columns, rows };
    if size.is_possible() { Ok(size) } else { Err(NotAMessage) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };

    #[test]
    fn what_is_said_reads_back_as_itself() {
        for said in [FromViewer::Typed(b"ls\r".to_vec()), FromViewer::Resize(SIZE), FromViewer::Drawn(1 << 40)] {
            assert_eq!(FromViewer::read(&said.message()), Ok(said));
        }
        for said in [ToAgent::Typed(vec![3]), ToAgent::Resize(SIZE), ToAgent::Draw, ToAgent::Drawn(7)] {
            assert_eq!(ToAgent::read(&said.message()), Ok(said));
        }
        for said in [
            ViewerWords::Screen { columns: 80, rows: 24 },
            ViewerWords::Size { columns: 1, rows: 1000 },
            ViewerWords::Ended { exit_code: 130 },
        ] {
            assert_eq!(ViewerWords::read(&said.message()), Ok(said));
        }
        assert_eq!(FromAgent::read(&output(b"x")), Ok(FromAgent::Output));
        assert_eq!(FromAgent::read(&errors(b"x")), Ok(FromAgent::Output));
        assert_eq!(FromAgent::read(&FromAgent::taken(9)), Ok(FromAgent::Taken(9)));
        let drawing = FromAgent::Screen(SIZE, b"\x1b[H".to_vec());
        assert_eq!(FromAgent::read(&FromAgent::screen(SIZE, b"\x1b[H")), Ok(drawing));
    }

    #[test]
    fn words_are_those_that_the_page_knows() {
        assert_eq!(&ViewerWords::Ended { exit_code: 1 }.message()[1..], br#"{"kind":"ended","exitCode":1}"#);
        assert_eq!(&FromViewer::Resize(SIZE).message()[1..], br#"{"kind":"resize","columns":80,"rows":24}"#);
    }

    #[test]
    fn what_can_be_no_message_is_none() {
        let resize =
            |columns: &str| format!("\u{1}{{\"kind\":\"resize\",\"columns\":{columns},\"rows\":24}}").into_bytes();
        for bad in [
            Vec::new(),
            vec![9],
            vec![COUNT, 0],
            vec![WORDS],
            resize("0"),
            resize("1001"),
            resize("80,\"x\":1"),
            vec![BYTES; MAX_TYPED_BYTES + 2],
        ] {
            assert_eq!(FromViewer::read(&bad), Err(NotAMessage), "{:?}", bad.get(..40));
        }
        assert_eq!(FromAgent::read(&[SCREEN, 0, 0, 0, 24]), Err(NotAMessage));
        assert_eq!(FromAgent::read(&[SCREEN, 0, 80, 0]), Err(NotAMessage));
        assert_eq!(FromViewer::read(&ToAgent::Draw.message()), Err(NotAMessage), "viewers are drawn for by themselves");
    }
}
