//! How many questions are at work at once, in all and for each machine: one that asks for thousands of names holds up no
//! other.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

/// Questions at work. Each holds some kilobytes and one socket.
pub(crate) const MAX_AT_WORK: usize = 256;
/// The same for one machine. A browser asks for some dozen names at once.
pub(crate) const MAX_FOR_EACH: usize = 48;

/// Those that are at work.
#[derive(Default)]
pub(crate) struct AtWork {
    of: Mutex<HashMap<Ipv4Addr, usize>>,
}

/// A question's place; given up when this is dropped.
pub(crate) struct Place {
    all: Arc<AtWork>,
    from: Ipv4Addr,
}

impl AtWork {
    /// A place for one more question from this address; none when there are too many.
    pub(crate) fn enter(self: &Arc<Self>, from: Ipv4Addr) -> Option<Place> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let own = of.get(&from).copied().unwrap_or(0);
        if own >= MAX_FOR_EACH || of.values().sum::<usize>() >= MAX_AT_WORK {
            return None;
        }
        of.insert(from, own + 1);
        Some(Place { all: Arc::clone(self), from })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut of = self.all.of.lock().unwrap_or_else(PoisonError::into_inner);
        match of.get_mut(&self.from) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => drop(of.remove(&self.from)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Ipv4Addr = Ipv4Addr::new(10, 87, 0, 2);
    const OTHER: Ipv4Addr = Ipv4Addr::new(10, 87, 0, 3);

    #[test]
    fn one_machine_fills_its_own_places_only_and_gets_them_back() {
        let all = Arc::new(AtWork::default());
        let mut places: Vec<_> = (0..MAX_FOR_EACH).map(|_| all.enter(ONE).expect("there is room")).collect();
        assert!(all.enter(ONE).is_none());
        assert!(all.enter(OTHER).is_some());
        places.pop();
        assert!(all.enter(ONE).is_some());
        drop(places);
        assert!(all.of.lock().unwrap().is_empty(), "an address is remembered for nothing");
    }

    #[test]
    fn all_together_have_a_bound() {
        let all = Arc::new(AtWork::default());
        let from = |number: usize| Ipv4Addr::from(u32::from(ONE) + u32::try_from(number / MAX_FOR_EACH).unwrap());
        let places: Vec<_> = (0..MAX_AT_WORK).map(|number| all.enter(from(number)).expect("there is room")).collect();
        assert!(all.enter(Ipv4Addr::new(10, 87, 9, 9)).is_none());
        drop(places);
    }
}
