//! Small names for what the parties exchange, so that a state is small, equal things are equal, and a counterexample
//! can be read. Each name stands for one text on the wire and is read back from it.

use std::fmt;

/// One of the two pages.
pub(crate) type Place = usize;

/// One `RTCPeerConnection` of a page and the offer that it made: which page, whether its person asked for it, and its
/// number. A reloaded page goes on counting, so that no two connections have one name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Attempt(u8);

impl Attempt {
    /// Numbers fit three bits; no configuration comes near.
    pub(crate) const MOST: u8 = 7;

    pub(crate) fn new(place: Place, by_person: bool, number: u8) -> Self {
        assert!(place < 2 && (1..=Self::MOST).contains(&number), "an attempt's name has three bits for its number");
        Self(u8::try_from(place).expect("two pages") << 4 | u8::from(by_person) << 3 | number)
    }

    pub(crate) fn place(self) -> Place {
        usize::from(self.0 >> 4)
    }

    /// Whether a person's act made it: opening, reloading, taking back. The others a page made by itself.
    pub(crate) fn is_by_person(self) -> bool {
        self.0 & 8 != 0
    }

    pub(crate) fn number(self) -> u8 {
        self.0 & 7
    }

    pub(crate) fn code(self) -> u8 {
        self.0
    }

    pub(crate) fn from_code(code: u8) -> Self {
        Self(code)
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page = ["A", "B"][self.place()];
        write!(f, "{page}{}{}", self.number(), if self.is_by_person() { "!" } else { "" })
    }
}

/// One transport of the guest and the answer that it made: fresh for each epoch, and another one in each machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Transport {
    /// Which making of the machine it is in; also stands for that machine's token.
    pub(crate) token: u8,
    /// Which epoch it was made for.
    pub(crate) epoch: u8,
    /// Whose offer it was made for.
    pub(crate) attempt: Attempt,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}.{}({:?})", self.token, self.epoch, self.attempt)
    }
}

/// Whose candidates.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Whose {
    /// The page's.
    Browser,
    /// The guest's.
    Vm,
}

/// One entry of a candidate log: who found it, and its number there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Found {
    /// [`Attempt::code`] for the page's; for the guest's, token and epoch.
    pub(crate) by: u8,
    /// 1 for the first.
    pub(crate) index: u8,
    /// Whether it is the end marker.
    pub(crate) is_end: bool,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}{}", self.index, if self.is_end { "(end)" } else { "" })
    }
}

impl Transport {
    /// The name in its candidates.
    pub(crate) fn code(self) -> u8 {
        self.token << 4 | self.epoch
    }
}
