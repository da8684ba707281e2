//! What controller and helper tell each other: one request and one reply on each connection, both JSON behind their length
//! (four bytes, little endian). A controller that closes the connection does not wait for the reply any more.
//!
//! Requests hold machines' tokens. Their bytes are wiped after use, and nothing here is ever logged.

use std::io;

use anteroom_machines::{Capabilities, MAX_ADDED_BYTES, MachineSpec, Reach};
use anteroom_protocol::MachineId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

/// Both sides are one program; this changes when old and new ones can't talk.
pub(crate) const VERSION: u32 = 2;
/// A specification has the operator's files in it; escaped JSON is at most six times as long.
pub(crate) const MAX_REQUEST_BYTES: u32 = 6 * MAX_ADDED_BYTES as u32 + 1024 * 1024;
/// A list of all machines of the largest pool of addresses, and the escaped end of a console, are shorter.
pub(crate) const MAX_REPLY_BYTES: u32 = 4 * 1024 * 1024;

/// What a controller asks for: the calls of the machines port.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Who the helper is.
    Hello {
        /// The controller's version of this protocol.
        version: u32,
    },
    /// `Driver::create`.
    Create(Box<MachineSpec>),
    /// `Driver::inspect`.
    Inspect(MachineId),
    /// `Driver::destroy`.
    Destroy(MachineId),
    /// `Driver::list`.
    List,
    /// `Driver::exited`: the reply comes when it has.
    Exited(MachineId),
    /// `Driver::logs`.
    Logs(MachineId),
    /// `Driver::usage`.
    Usage(MachineId),
    /// `Driver::reach`.
    Reach(MachineId, Reach),
}

/// What the helper says. What is done gives what the driver's call gives, errors too.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Reply<T> {
    Done(T),
    /// The request was not carried out; why.
    Refused(String),
}

/// Who the helper is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// Its version of this protocol.
    pub version: u32,
    /// The driver's name.
    pub driver: String,
    /// What the driver can hold to.
    pub capabilities: Capabilities,
    /// A fingerprint of what it makes machines from.
    pub made_from: String,
}

/// A request from its bytes.
///
/// # Errors
/// They are no request.
pub fn decode(bytes: &[u8]) -> io::Result<Request> {
    parse(bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        // Serde's own words may quote the value.
        let (line, column) = (error.line(), error.column());
        io::Error::new(io::ErrorKind::InvalidData, format!("it is not as agreed at line {line}, column {column}"))
    })
}

/// A message's bytes, with their length.
pub(crate) fn encode(message: &impl Serialize) -> io::Result<Zeroizing<Vec<u8>>> {
    let text = Zeroizing::new(serde_json::to_vec(message)?);
    let length = u32::try_from(text.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(Zeroizing::new([&length.to_le_bytes()[..], &text[..]].concat()))
}

pub(crate) async fn write(to: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    to.write_all(message).await?;
    to.flush().await
}

pub(crate) async fn read<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin), most: u32) -> io::Result<T> {
    let length = from.read_u32_le().await?;
    if length > most {
        let problem = format!("a message has {length} bytes; at most {most} are taken");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    let mut text = Zeroizing::new(vec![0; length as usize]);
    from.read_exact(&mut text).await?;
    parse(&text)
}
