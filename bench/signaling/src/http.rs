//! HTTP/1.1 over one kept connection, as little of it as our own server needs: ten thousand clients share two cores with
//! what is measured. Answers have a length or no body; anything else ends the measurement.

use std::{net::SocketAddr, time::Duration};

use anteroom_protocol::Secret;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::Outcome;

/// Longer than the longest long poll.
const DEADLINE: Duration = Duration::from_secs(40);
/// The longest head of an answer.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// A client with its token.
pub(crate) struct Client {
    stream: TcpStream,
    host: String,
    token: Secret<String>,
    read: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Outcome<T> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// The same, if it has this status.
    pub(crate) fn expect(self, status: u16) -> Outcome<Self> {
        if self.status == status {
            Ok(self)
        } else {
            let said = String::from_utf8_lossy(&self.body);
            Err(format!("the controller answered {} in place of {status}: {said}", self.status).into())
        }
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, token: Secret<String>) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host: address.to_string(), token, read: Vec::new() })
    }

    /// The same connection for another caller: an agent of another machine.
    pub(crate) fn as_other(&mut self, token: Secret<String>) {
        self.token = token;
    }

    pub(crate) async fn get(&mut self, path: &str) -> Outcome<Reply> {
        self.send("GET", path, None).await?;
        self.receive().await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &impl Serialize) -> Outcome<Reply> {
        self.send("POST", path, Some(serde_json::to_vec(body)?)).await?;
        self.receive().await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Outcome<Reply> {
        self.send("DELETE", path, None).await?;
        self.receive().await
    }

    async fn send(&mut self, method: &str, path: &str, body: Option<Vec<u8>>) -> Outcome {
        let (host, token) = (&self.host, self.token.expose());
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n");
        if let Some(body) = &body {
            request.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut request = request.into_bytes();
        request.extend(body.unwrap_or_default());
        Ok(self.stream.write_all(&request).await?)
    }

    async fn receive(&mut self) -> Outcome<Reply> {
        tokio::time::timeout(DEADLINE, self.read_reply()).await.map_err(|_| "an answer did not come in time")?
    }

    async fn read_reply(&mut self) -> Outcome<Reply> {
        let head = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if self.read.len() > MAX_HEAD_BYTES {
                return Err("an answer's head has no end".into());
            }
            self.read_more().await?;
        };
        let (status, length) = parse_head(&self.read[..head])?;
        while self.read.len() < head + length {
            self.read_more().await?;
        }
        let body = self.read[head..head + length].to_vec();
        self.read.drain(..head + length);
        Ok(Reply { status, body })
    }

    async fn read_more(&mut self) -> Outcome {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err("the controller closed the connection".into()),
            _ => Ok(()),
        }
    }
}

fn parse_head(head: &[u8]) -> Outcome<(u16, usize)> {
    let head = str::from_utf8(head)?;
    let status = head.split(' ').nth(1).ok_or("an answer without a status")?.parse()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse())
    });
    match length {
        Some(length) => Ok((status, length?)),
        None if status == 204 => Ok((status, 0)),
        None => Err("an answer without a length".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_status_and_length() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(parse_head(head).expect("a head"), (200, 12));
        assert_eq!(parse_head(b"HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n").expect("a head"), (204, 0));
        assert!(parse_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
