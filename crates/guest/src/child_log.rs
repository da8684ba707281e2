//! The stderr of the desktop's programs on its way to the machine's log: masked, cut, and bounded, because a
//! browser's complaints may quote a URL, and because the log of a machine that failed outlives it. A program's first lines are
//! logged as they come, its last ones when it has ended: they say why.

use std::collections::VecDeque;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, ChildStderr},
};

use crate::login::mask;

/// Lines of one program that are logged as they come.
const MAX_LINES: usize = 100;
/// Of those after them, the last ones, which are logged at the program's end.
const MAX_LAST_LINES: usize = 40;
/// The longest line kept whole, bytes.
const MAX_LINE_BYTES: usize = 500;
/// What Chromium says dozens of times in a machine without the message bus of a full desktop. It needs none.
const NOISE: [&str; 2] = ["dbus/bus.cc", "dbus/object_proxy.cc"];

/// Logs what a child says, until it ends. The child's stderr must be piped.
pub fn follow(child: &mut Child, program: &'static str) {
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(relay(stderr, program));
    }
}

async fn relay(stderr: ChildStderr, program: &'static str) {
    let mut lines = Lines::default();
    read_lines(stderr, |bytes| {
        for line in lines.take(bytes) {
            tracing::info!(program, "{line}");
        }
    })
    .await;
    for line in lines.end() {
        tracing::info!(program, "{line}");
    }
}

/// Reads to the end, also what is not logged any more: a full pipe would stop the program.
async fn read_lines(mut from: impl AsyncRead + Unpin, mut take: impl FnMut(&[u8])) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        take(&buffer[..count]);
    }
}

/// Cuts a stream into masked lines.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
    taken: usize,
    /// The last of those that were not logged, and how many came before them.
    last: VecDeque<String>,
    left_out: usize,
}

impl Lines {
    fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => lines.extend(self.end_line()),
                _ if self.begun.len() < MAX_LINE_BYTES => self.begun.push(*byte),
                _ => {}
            }
        }
        lines
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.begun);
        let text = mask(&String::from_utf8_lossy(&line).replace(char::is_control, " "));
        let is_noise = NOISE.iter().any(|noise| text.contains(noise));
        if text.trim().is_empty() || is_noise {
            return None;
        }
        if self.taken < MAX_LINES {
            self.taken += 1;
            return Some(text);
        }
        if self.last.len() == MAX_LAST_LINES {
            self.last.pop_front();
            self.left_out += 1;
        }
        self.last.push_back(text);
        None
    }

    /// What is logged when the program has ended.
    fn end(mut self) -> impl Iterator<Item = String> {
        let last = self.end_line();
        self.last.extend(last);
        let left_out = (self.left_out > 0).then(|| format!("({} lines are left out)", self.left_out));
        left_out.into_iter().chain(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_masked_cut_and_counted() {
        let mut lines = Lines::default();
        assert_eq!(lines.take(b"open https://a.example/?code"), Vec::<String>::new());
        assert_eq!(lines.take(b"=1 failed\n\nERROR:dbus/bus.cc:405] no bus\nnext\n"), ["open [URL] failed", "next"]);
        let long = format!("{}\n", "x y ".repeat(1000));
        assert_eq!(lines.take(long.as_bytes())[0].len(), MAX_LINE_BYTES);
        let many = lines.take("again\n".repeat(1000).as_bytes());
        assert_eq!(many.len(), MAX_LINES - 3);
    }

    #[test]
    fn the_last_lines_are_logged_at_the_end_also_one_without_a_line_feed() {
        let mut lines = Lines::default();
        let all: String = (1..=200).map(|number| format!("line {number}\n")).collect();
        assert_eq!(lines.take(all.as_bytes()).len(), MAX_LINES);
        assert_eq!(lines.take(b"it ends"), Vec::<String>::new());
        let end: Vec<String> = lines.end().collect();
        assert_eq!((end.len(), end[0].as_str()), (1 + MAX_LAST_LINES, "(61 lines are left out)"));
        assert_eq!((end[1].as_str(), end[MAX_LAST_LINES].as_str()), ("line 162", "it ends"));
        let mut few = Lines::default();
        few.take(b"one\ntwo");
        assert_eq!(few.end().collect::<Vec<_>>(), ["two"]);
    }
}
