//! QEMU's own control channel (QMP): commands, answers and events, each a JSON object on a line.

use std::{
    fs::File,
    io,
    os::{fd::AsFd as _, unix::net::UnixStream},
    time::Instant,
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::lines::Lines;

/// QEMU's longest answer to what is asked here is some kilobytes.
const MAX_LINE_BYTES: usize = 256 * 1024;

/// What the file of a guest's state is called on the way.
const STATE: &str = "state";

/// A connection on which commands are taken.
pub(crate) struct Qmp {
    lines: Lines,
}

/// What QEMU sends. Its greeting has none of these.
#[derive(Debug, Default, Deserialize)]
struct Message {
    #[serde(rename = "return")]
    answer: Option<Value>,
    error: Option<Refusal>,
    event: Option<String>,
    #[serde(default)]
    data: Value,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    desc: String,
}

impl Qmp {
    /// Hears the greeting and leaves the mode in which only capabilities can be asked for.
    pub(crate) fn connect(stream: UnixStream, deadline: Instant) -> io::Result<Self> {
        let mut qmp = Self { lines: Lines::new(stream, MAX_LINE_BYTES) };
        qmp.receive(deadline)?;
        qmp.execute("qmp_capabilities", &Value::Null, deadline)?;
        Ok(qmp)
    }

    /// Runs a command and waits for its answer; events that come before are passed over.
    pub(crate) fn execute(&mut self, command: &str, arguments: &Value, deadline: Instant) -> io::Result<Value> {
        let mut line = json!({ "execute": command });
        if !arguments.is_null() {
            line["arguments"] = arguments.clone();
        }
        self.lines.send(line.to_string().as_bytes(), deadline)?;
        self.answer(command, deadline)
    }

    /// Hands QEMU an open file, which it knows as [`STATE`] then.
    fn hand(&mut self, file: &File, deadline: Instant) -> io::Result<()> {
        let line = json!({ "execute": "getfd", "arguments": { "fdname": STATE } });
        self.lines.send_with(line.to_string().as_bytes(), file.as_fd(), deadline)?;
        self.answer("getfd", deadline).map(drop)
    }

    fn answer(&mut self, command: &str, deadline: Instant) -> io::Result<Value> {
        loop {
            let message = self.receive(deadline)?;
            if let Some(Refusal { desc }) = message.error {
                return Err(io::Error::other(format!("QEMU refuses {command}: {desc}")));
            } else if let Some(answer) = message.answer {
                return Ok(answer);
            }
        }
    }

    /// Takes the guest's state from an open file, and lets the guest go on.
    pub(crate) fn restore(&mut self, state: &File, deadline: Instant) -> io::Result<()> {
        self.share_memory(deadline)?;
        self.hand(state, deadline)?;
        self.execute("migrate-incoming", &json!({ "uri": format!("fd:{STATE}") }), deadline)?;
        self.migrated(deadline)?;
        self.execute("cont", &Value::Null, deadline).map(drop)
    }

    /// Stops the guest and writes its state to an open file; its memory is in a file of its own already.
    pub(crate) fn save(&mut self, state: &File, deadline: Instant) -> io::Result<()> {
        self.execute("stop", &Value::Null, deadline)?;
        self.share_memory(deadline)?;
        self.hand(state, deadline)?;
        self.execute("migrate", &json!({ "uri": format!("fd:{STATE}") }), deadline)?;
        self.migrated(deadline)
    }

    /// Memory in a file does not travel with the state.
    fn share_memory(&mut self, deadline: Instant) -> io::Result<()> {
        let on = |name: &str| json!({ "capability": name, "state": true });
        let wanted = json!({ "capabilities": [on("x-ignore-shared"), on("events")] });
        self.execute("migrate-set-capabilities", &wanted, deadline).map(drop)
    }

    /// Waits until a state is written or read.
    fn migrated(&mut self, deadline: Instant) -> io::Result<()> {
        loop {
            let message = self.receive(deadline)?;
            if message.event.as_deref() != Some("MIGRATION") {
                continue;
            }
            match message.data["status"].as_str() {
                Some("completed") => return Ok(()),
                Some(bad @ ("failed" | "cancelled")) => {
                    return Err(io::Error::other(format!("QEMU says that the guest's state has {bad}")));
                }
                Some(_) | None => {}
            }
        }
    }

    fn receive(&mut self, deadline: Instant) -> io::Result<Message> {
        let line = self.lines.next(Some(deadline))?.ok_or_else(|| io::Error::other("QEMU has ended"))?;
        serde_json::from_slice(&line).map_err(|error| io::Error::other(format!("QEMU speaks no QMP: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        thread,
        time::Duration,
    };

    use super::*;

    const OK: &str = r#"{"return": {}}"#;
    const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": ["oob"]}}"#;

    /// QEMU as far as it is needed here: one answer for each command; what it was asked comes back.
    fn qemu<const N: usize>(answers: [&'static str; N]) -> (UnixStream, thread::JoinHandle<Vec<String>>) {
        let (mut far, near) = UnixStream::pair().unwrap();
        let asked = thread::spawn(move || {
            writeln!(far, "{GREETING}").unwrap();
            let mut lines = BufReader::new(far.try_clone().unwrap()).lines();
            let mut asked = Vec::new();
            for answer in answers {
                asked.push(lines.next().unwrap().unwrap());
                writeln!(far, "{answer}").unwrap();
            }
            asked
        });
        (near, asked)
    }

    fn null() -> File {
        File::open("/dev/null").unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn a_clone_is_restored_and_goes_on_when_its_state_is_whole() {
        let migrated = "{\"return\": {}}\n{\"event\": \"MIGRATION\", \"data\": {\"status\": \"active\"}}\n\
                        {\"event\": \"MIGRATION\", \"data\": {\"status\": \"completed\"}}";
        let (near, asked) = qemu([OK, OK, OK, migrated, OK]);
        Qmp::connect(near, soon()).unwrap().restore(&null(), soon()).unwrap();
        let asked = asked.join().unwrap();
        for (asked, word) in asked[1..].iter().zip(["x-ignore-shared", "getfd", "fd:state", "cont"]) {
            assert!(asked.contains(word), "{asked}");
        }
    }

    #[test]
    fn a_state_that_fails_is_told() {
        let failed = "{\"return\": {}}\n{\"event\": \"MIGRATION\", \"data\": {\"status\": \"failed\"}}";
        let (near, _asked) = qemu([OK, OK, OK, failed]);
        let error = Qmp::connect(near, soon()).unwrap().restore(&null(), soon()).unwrap_err();
        assert!(error.to_string().contains("failed"), "{error}");
    }

    #[test]
    fn a_refusal_is_told_with_the_command_and_an_end_is_no_hang() {
        let (near, _asked) =
            qemu([OK, "{\"event\": \"STOP\"}\n{\"error\": {\"class\": \"GenericError\", \"desc\": \"not so\"}}"]);
        let mut qmp = Qmp::connect(near, soon()).unwrap();
        let error = qmp.execute("stop", &Value::Null, soon()).unwrap_err();
        assert!(error.to_string().contains("stop: not so"), "{error}");
        assert!(qmp.execute("cont", &Value::Null, soon()).is_err());
    }
}
