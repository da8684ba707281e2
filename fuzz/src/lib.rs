//! What the fuzz targets share. Each function takes bytes from outside and asserts what must hold whatever they are; a
//! target is such a function's entry for libFuzzer. Everything here asks the product's own parsers; nothing here parses.

pub mod credentials;
pub mod guest;
#[path = "../../crates/machines/qemu/src/lines.rs"]
mod lines;
pub mod machine_log;
pub mod machined;
pub mod messages;
#[path = "../../crates/machines/qemu/src/qmp.rs"]
#[allow(dead_code, unreachable_pub, reason = "it has more than is used here")]
mod qmp;
pub mod relay;
pub mod resolver;
mod terminal;
pub mod virtual_machine;

/// As the agent has it; its `offer.rs` looks for it here.
mod encode {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Codec {
        H264,
        Vp8,
    }
}

/// A part of the input whose length its first two bytes say; all that is left when there are fewer.
pub fn part<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let Some((length, tail)) = rest.split_first_chunk::<2>() else { return std::mem::take(rest) };
    let length = usize::from(u16::from_le_bytes(*length)).min(tail.len());
    let (part, tail) = tail.split_at(length);
    *rest = tail;
    part
}
