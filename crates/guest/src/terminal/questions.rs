//! What a program asks its terminal, taken out of its output. The grid in the machine answers; a viewer's own terminal that
//! answered too would type its answers into the program, late and once for each viewer. Pure; holds back a sequence that is not
//! complete, and nothing else.
//!
//! Sequences are told apart as ECMA-48 and xterm's ctlseqs do. One that is too long to be a question is let through as it comes.

/// Longer than any question.
const MAX_HELD_BYTES: usize = 256;
const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
/// These two end any sequence (ECMA-48: CAN, SUB).
const CANCELS: [u8; 2] = [0x18, 0x1a];
/// What of `CSI ... t` asks for a report.
const WINDOW_REPORTS: [&[u8]; 9] = [b"11", b"13", b"14", b"15", b"16", b"18", b"19", b"20", b"21"];

/// The filter of one program's output.
#[derive(Debug, Default)]
pub struct Questions {
    state: State,
    /// The sequence that is not complete.
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC, and what may stand between it and the final byte.
    Escape,
    /// `CSI`: parameters, intermediates, a final byte.
    Control,
    /// `OSC`, `DCS` and the like, until `ST` or BEL.
    String,
    /// After ESC in a string.
    StringEscape,
}

impl Questions {
    /// Output without questions.
    #[must_use]
    pub fn taken_out_of(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + self.held.len());
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.state == State::Text && byte != ESC {
                let text = rest.iter().position(|byte| *byte == ESC).unwrap_or(rest.len());
                out.extend_from_slice(&rest[..text]);
                rest = &rest[text..];
            } else {
                self.step(byte, &mut out);
                rest = after;
            }
        }
        out
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        if byte == ESC && self.state != State::String {
            // Whatever it breaks off is no question.
            out.append(&mut self.held);
            self.held.push(byte);
            self.state = if self.state == State::StringEscape { State::StringEscape } else { State::Escape };
            return;
        }
        self.held.push(byte);
        if CANCELS.contains(&byte) {
            return self.pass(out);
        }
        match self.state {
            State::Text => self.pass(out),
            State::Escape => self.escaped(byte, out),
            State::Control if (0x40..=0x7e).contains(&byte) => self.end(out),
            State::Control => self.go_on(State::Control, out),
            State::String if byte == BEL => self.end(out),
            State::String if byte == ESC => self.go_on(State::StringEscape, out),
            State::String => self.go_on(State::String, out),
            State::StringEscape if byte == b'\\' => self.end(out),
            State::StringEscape => self.go_on(State::String, out),
        }
    }

    fn escaped(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'[' => self.state = State::Control,
            b']' | b'P' | b'X' | b'^' | b'_' => self.state = State::String,
            // An intermediate byte: a final one follows.
            0x20..=0x2f => {}
            _ => self.end(out),
        }
    }

    fn go_on(&mut self, state: State, out: &mut Vec<u8>) {
        self.state = state;
        if self.held.len() > MAX_HELD_BYTES {
            out.append(&mut self.held);
        }
    }

    fn pass(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
        self.state = State::Text;
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if is_question(&self.held) {
            self.held.clear();
        }
        self.pass(out);
    }
}

/// Whether a whole sequence asks for an answer.
fn is_question(sequence: &[u8]) -> bool {
    match sequence {
        [ESC, b'[', inner @ .., last] => is_control_question(inner, *last),
        [ESC, b']', inner @ .., BEL] | [ESC, b']', inner @ .., ESC, b'\\'] => inner.ends_with(b";?"),
        [ESC, b'P', inner @ .., ESC, b'\\'] => inner.starts_with(b"$q") || inner.starts_with(b"+q"),
        // DECID
        [ESC, b'Z'] => true,
        _ => false,
    }
}

fn is_control_question(inner: &[u8], last: u8) -> bool {
    let is_plain = inner.iter().all(|byte| byte.is_ascii_digit() || *byte == b';');
    match last {
        // DA1, DA2, DA3
        b'c' => true,
        // DSR; with `>` it sets what keys send.
        b'n' => !inner.starts_with(b">"),
        // DECRQM
        b'p' => inner.ends_with(b"$"),
        // XTVERSION; without `>` it is the cursor's style, or something for LEDs.
        b'q' => inner.starts_with(b">"),
        b't' => {
            is_plain && inner.split(|byte| *byte == b';').next().is_some_and(|first| WINDOW_REPORTS.contains(&first))
        }
        // What keys send, by the kitty protocol.
        b'u' => inner == b"?",
        // DECREQTPARM
        b'x' => is_plain,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn without(text: &[u8]) -> Vec<u8> {
        Questions::default().taken_out_of(text)
    }

    #[test]
    fn questions_are_taken_out_and_what_is_around_them_stays() {
        for question in [
            "\x1b[c",
            "\x1b[0c",
            "\x1b[>c",
            "\x1b[=0c",
            "\x1b[5n",
            "\x1b[6n",
            "\x1b[?6n",
            "\x1b[?996n",
            "\x1b[?2026$p",
            "\x1b[4$p",
            "\x1b[>q",
            "\x1b[>0q",
            "\x1b[14t",
            "\x1b[18t",
            "\x1b[21t",
            "\x1b[?u",
            "\x1b[x",
            "\x1bZ",
            "\x1b]10;?\x1b\\",
            "\x1b]11;?\x07",
            "\x1b]4;1;?\x07",
            "\x1b]52;c;?\x07",
            "\x1bP$qm\x1b\\",
            "\x1bP+q544e\x1b\\",
        ] {
            let text = format!("a{question}b");
            assert_eq!(without(text.as_bytes()), b"ab", "{question:?}");
        }
    }

    #[test]
    fn everything_else_passes_as_it_is() {
        for text in [
            "plain\r\n",
            "\x1b[31mred\x1b[0m",
            "\x1b[2 q",
            "\x1b[>4;1m",
            "\x1b[>1u",
            "\x1b[<u",
            "\x1b[=1;1u",
            "\x1b[8;24;80t",
            "\x1b[22;0t",
            "\x1b[!p",
            "\x1b[>4n",
            "\x1b]0;title\x07",
            "\x1b]8;;https://a.example/?\x1b\\link\x1b]8;;\x1b\\",
            "\x1b]52;c;aGk=\x07",
            "\x1bPq#0;2;0;0;0\x1b\\",
            "\x1b(B",
            "\x1b7\x1b8",
            "\x1bM",
            "\x1b[31\x1b[1mx",
            "\x1b[3\x18n",
            "é 漢字 \u{1f600}",
        ] {
            assert_eq!(without(text.as_bytes()), text.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn a_sequence_that_is_too_long_to_be_a_question_is_not_held_back() {
        let mut questions = Questions::default();
        let start = format!("\x1b]0;{}", "x".repeat(1000));
        let passed = questions.taken_out_of(start.as_bytes()).len();
        assert!(passed > start.len() - MAX_HELD_BYTES - 2, "{passed}");
        let end = questions.taken_out_of(b"\x07after");
        assert_eq!(passed + end.len(), start.len() + 6);
    }

    proptest! {
        #[test]
        fn how_output_is_cut_makes_no_difference(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "text", "\x1b[6n", "\x1b", "[", "c", "\x1b]11;?\x07", "\x1b]0;t\x1b\\", "\x1bP$q", "\x1b\\", "\x18", "31m", "?", ";", "é",
            ]), 0..30),
            cuts in prop::collection::vec(1_usize..9, 1..40),
        ) {
            let text = pieces.concat().into_bytes();
            let whole = without(&text);
            let (mut questions, mut out, mut rest) = (Questions::default(), Vec::new(), &text[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                out.extend(questions.taken_out_of(piece));
                rest = after;
            }
            prop_assert_eq!(out, whole);
        }
    }
}
