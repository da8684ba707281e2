use anteroom_protocol::session::{Reason, ReasonCode};

use super::*;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn id(number: u8) -> MachineId {
    MachineId::from_random([number; 16])
}

fn list() -> MachineList {
    let serving = MachineView {
        id: id(1),
        state: MachineState::Serving,
        session: None,
        provider: Some("codex".parse().unwrap()),
        driver: "sandbox".to_owned(),
        created_at: NOW.plus_ms(-61_000),
        memory_bytes: Some(512 << 20),
        cpu_percent: Some(7),
    };
    let planned = MachineView {
        id: id(2),
        state: MachineState::Planned,
        provider: None,
        created_at: NOW.plus_ms(500),
        memory_bytes: None,
        cpu_percent: None,
        ..serving.clone()
    };
    let failed = FailedMachineView {
        id: id(3),
        session: None,
        provider: None,
        driver: "sandbox".to_owned(),
        created_at: NOW.plus_ms(-10_000_000),
        failed_at: NOW.plus_ms(-7_200_000),
        reason: Reason { code: ReasonCode::MachineLost, detail: "The machine ended: killed\nmore".to_owned() },
    };
    MachineList {
        machines: vec![serving, planned],
        more: false,
        max: 8,
        memory_limit_bytes: 2 << 30,
        failed: vec![failed],
    }
}

#[test]
fn the_list_is_a_table_with_the_failed_ones_below() {
    let text = table(&list(), NOW);
    let rows: Vec<Vec<&str>> = text.lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["MACHINE", "STATE", "FOR", "DRIVER", "AGE", "MEMORY", "CPU"]);
    assert_eq!(rows[1], [id(1).as_str(), "serving", "codex", "sandbox", "61", "s", "512", "MiB", "7", "%"]);
    assert_eq!(rows[2], [id(2).as_str(), "planned", "-", "sandbox", "0", "s", "-", "-"]);
    assert_eq!(rows[5], [id(3).as_str(), "-", "2", "h", "ago", "The", "machine", "ended:", "killed"]);
    let none = MachineList { machines: vec![], failed: vec![], ..list() };
    assert_eq!(table(&none, NOW), "No machine is there.\n");
}

#[test]
fn a_log_says_first_why_its_machine_failed() {
    let failed = list().failed.remove(0);
    let of_failed = MachineLog { log: "agent started\n".to_owned(), failed: Some(failed) };
    let expected = format!("{} failed: The machine ended: killed\nmore\n\nagent started\n", id(3));
    assert_eq!(log(&of_failed), expected);
    assert_eq!(log(&MachineLog { log: "agent started\n".to_owned(), failed: None }), "agent started\n");
}
