//! Who may reach what, as the controller would say it, changed by the test.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use anteroom_relay::{Handle, Permits};

#[derive(Default)]
pub struct World {
    machines: Mutex<HashMap<Handle, IpAddr>>,
}

impl World {
    pub fn new(machines: &[(Handle, IpAddr)]) -> Arc<Self> {
        Arc::new(Self { machines: Mutex::new(machines.iter().cloned().collect()) })
    }

    pub fn set(&self, handle: &Handle, machine: IpAddr) {
        self.machines.lock().expect("no test panics with it").insert(handle.clone(), machine);
    }

    pub fn end(&self, handle: &Handle) {
        self.machines.lock().expect("no test panics with it").remove(handle);
    }
}

impl Permits for World {
    fn peer(&self, handle: &Handle) -> Option<IpAddr> {
        self.machines.lock().expect("no test panics with it").get(handle).copied()
    }
}
