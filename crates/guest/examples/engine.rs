//! The media engine on its own, for benchmarks and for a look by hand: answers offers that come on standard input.
//!
//! `engine DISPLAY ADDRESS WIDTHxHEIGHT [LOG-LEVEL [webrtcbin]]`. Each line of input is `{"epoch": 1, "offer": {...}, "candidates": [...]}`;
//! each line of output is `{"epoch", "answer", "candidates", "ms"}` or `{"event", "who"}`.

use std::{error::Error, io::BufRead as _, time::Instant};

use anteroom_guest::media::{self, Config, Engine};
use anteroom_protocol::{
    Epoch,
    guest::{DesktopSize, MediaEngine},
    signaling::{Candidate, Offer},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Request {
    epoch: Epoch,
    offer: Offer,
    candidates: Vec<Candidate>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [display, address, size, more @ ..] = arguments.as_slice() else {
        return Err("usage: engine DISPLAY ADDRESS WIDTHxHEIGHT [LOG-LEVEL [webrtcbin]]".into());
    };
    let level = more.first().map_or("info", String::as_str);
    let filter = tracing_subscriber::EnvFilter::new(format!("{level},{}", media::LOG_DIRECTIVES));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let (width, height) = size.split_once('x').ok_or("the size is WIDTHxHEIGHT")?;
    let size = DesktopSize { width: width.parse()?, height: height.parse()? };
    let engine = match more.get(1).map(String::as_str) {
        None => MediaEngine::Str0m,
        Some("webrtcbin") => MediaEngine::Webrtcbin,
        Some(other) => return Err(format!("{other} is no engine").into()),
    };
    let started = Instant::now();
    let (engine, mut events) = Engine::start(Config { address: address.parse()?, size, engine })?;
    let warm = started.elapsed();
    engine.attach(display)?;
    println!("{}", serde_json::json!({"started": warm.as_millis(), "attached": started.elapsed().as_millis()}));
    std::thread::spawn(move || {
        while let Some(event) = events.blocking_recv() {
            println!("{}", serde_json::json!({"event": format!("{:?}", event.kind), "who": event.who.to_string()}));
        }
    });
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let asked = Instant::now();
        let (answer, candidates) = engine.answer(request.epoch, &request.offer, &request.candidates)?;
        let ms = asked.elapsed().as_secs_f64() * 1000.0;
        println!(
            "{}",
            serde_json::json!({"epoch": request.epoch, "answer": answer, "candidates": candidates, "ms": ms})
        );
    }
    engine.shutdown();
    Ok(())
}
