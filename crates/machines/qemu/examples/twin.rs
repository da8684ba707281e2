//! An agent that shows what it has drawn, for the test that no two clones are twins: one JSON object on the console. What
//! is compared comes from where the product takes it: the kernel, the machine's own files, and the media engine's answer.

use std::{
    error::Error,
    fs,
    hash::{BuildHasher as _, RandomState},
    io::Read as _,
    time::{SystemTime, UNIX_EPOCH},
};

use anteroom_guest::media::{Config, Engine};
use anteroom_protocol::{
    Epoch, Secret,
    guest::Boot,
    signaling::{Offer, OfferType},
};
use serde_json::json;

/// A viewer's offer, the same in every clone.
const OFFER: &str = "v=0\r\n\
    o=- 1 2 IN IP4 127.0.0.1\r\n\
    s=-\r\n\
    t=0 0\r\n\
    a=group:BUNDLE 0\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96\r\n\
    c=IN IP4 0.0.0.0\r\n\
    a=ice-ufrag:abcd\r\n\
    a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
    a=fingerprint:sha-256 AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB\r\n\
    a=setup:actpass\r\n\
    a=mid:0\r\n\
    a=recvonly\r\n\
    a=rtcp-mux\r\n\
    a=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("desktop") => println!("ready"),
        Some("warm") => return Ok(()),
        Some(other) => return Err(format!("{other} is nothing that an agent does").into()),
        None => show()?,
    }
    loop {
        std::thread::park();
    }
}

fn show() -> Result<(), Box<dyn Error>> {
    let mut boot = String::new();
    std::io::stdin().read_to_string(&mut boot)?;
    let boot: Boot = serde_json::from_str(&boot)?;
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    let (engine, _events) = Engine::start(Config { address: boot.address, size: boot.desktop, engine: boot.engine })?;
    let offer = Offer { kind: OfferType::Offer, sdp: Secret::new(OFFER.to_owned()) };
    let (answer, _) = engine.answer(Epoch(1), &offer, &[])?;
    let line = |name: &str| answer.sdp.expose().lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned());
    let drawn = json!({
        "kernel": random.map(|byte| format!("{byte:02x}")).concat(),
        "hasher": RandomState::new().hash_one(0).to_string(),
        "uuid": read("/proc/sys/kernel/random/uuid")?,
        "boot": read("/proc/sys/kernel/random/boot_id")?,
        "machine": read("/etc/machine-id")?,
        "fingerprint": line("a=fingerprint:"),
        "ufrag": line("a=ice-ufrag:"),
        "password": line("a=ice-pwd:"),
    });
    println!("{}", json!({ "drawn": drawn, "clock": now()? }));
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the test compares this clock with the host's")]
fn now() -> Result<u64, std::time::SystemTimeError> {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs())
}
