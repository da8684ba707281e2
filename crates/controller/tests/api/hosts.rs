//! What restricted machines reach: a list of names for each, and what its person makes of it.

use std::net::Ipv4Addr;

use anteroom_controller::{PoolSettings, Reaches, Restriction};
use anteroom_machines::HostEntry;
use anteroom_protocol::MachineId;
use anteroom_store::Store as _;
use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    events::Stream,
    harness::{Lab, Running, Who},
};

fn lab() -> Lab {
    let mut lab = Lab::new();
    lab.restriction = Some(Restriction {
        hosts: vec!["*.company.example".parse().unwrap()],
        addresses: vec![HostEntry {
            address: Ipv4Addr::new(192, 168, 3, 5).into(),
            name: "SSO.company.example".into(),
        }],
    });
    lab
}

async fn reaches(running: &Running, address: Ipv4Addr, host: &str) -> Reaches {
    running.controller.reaches(address, &host.parse().unwrap()).await.unwrap()
}

fn allowed(machine: &MachineId) -> Reaches {
    Reaches::Allowed { machine: machine.clone(), set: vec![] }
}

async fn address_of(lab: &Lab, running: &Running, owner: &Who, session: &str) -> (MachineId, Ipv4Addr) {
    running.until_state(owner, session, "starting").await;
    let id: MachineId = running.view(owner, session).await["machine"].as_str().unwrap().parse().unwrap();
    let address = lab.store.machine(&id).await.unwrap().unwrap().address;
    (id, address)
}

async fn call(running: &Running, owner: &Who, method: Method, session: &str, host: Option<&str>) -> Value {
    let path = format!("/api/session/{session}/hosts");
    let path = if method == Method::DELETE { format!("{path}?host={}", host.unwrap()) } else { path };
    let body = (method == Method::POST).then(|| json!({"host": host.unwrap()}));
    running.person(owner, method, &path, body).await.is(200)
}

fn refused(view: &Value) -> Vec<&str> {
    view["refused"].as_array().unwrap().iter().map(|refused| refused["host"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_machine_reaches_the_hosts_of_its_provider_and_of_the_configuration_and_no_others() {
    let lab = lab();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let (machine, address) = address_of(&lab, &running, &owner, &session).await;
    for host in ["auth.openai.com", "any.openai.com", "chatgpt.com", "git.company.example"] {
        assert_eq!(reaches(&running, address, host).await, allowed(&machine), "{host}");
    }
    let set = Reaches::Allowed { machine, set: vec![Ipv4Addr::new(192, 168, 3, 5)] };
    assert_eq!(reaches(&running, address, "sso.company.example").await, set);
    for host in ["evil.example", "dash.cloudflare.com", "openai.com.evil.example", "company.example"] {
        assert_eq!(reaches(&running, address, host).await, Reaches::Refused, "{host}");
    }
    assert_eq!(reaches(&running, Ipv4Addr::new(10, 87, 9, 9), "auth.openai.com").await, Reaches::NoMachine);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_waits_reaches_nothing_and_has_its_list_the_moment_it_is_bound() {
    let mut lab = lab();
    lab.pool = PoolSettings { size: 1, keep_free: 0 };
    let running = lab.start().await;
    let owner = running.owner().await;
    let address = lab.machines(1).await.remove(0).address;
    assert_eq!(reaches(&running, address, "auth.openai.com").await, Reaches::Refused);
    let session = running.click(&owner, "codex", "o1").await;
    // Its agent has heard nothing yet: the row decides.
    let row = lab.store.machine_by_address(address).await.unwrap().unwrap();
    assert_eq!(row.session.as_ref().map(|id| id.as_str()), Some(session.as_str()));
    assert_eq!(reaches(&running, address, "auth.openai.com").await, allowed(&row.id));
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_shown_and_what_the_person_allows_is_reached_also_after_a_restart() {
    let lab = lab();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let (machine, address) = address_of(&lab, &running, &owner, &session).await;
    let mut stream = Stream::open(&running, &owner, &session, None).await;
    assert_eq!(refused(&stream.hosts().await), Vec::<&str>::new());
    for host in ["login.idp.example", "ads.example", "login.idp.example"] {
        assert_eq!(reaches(&running, address, host).await, Reaches::Refused);
    }
    let told = loop {
        let told = stream.hosts().await;
        if refused(&told).len() == 2 {
            break told;
        }
    };
    assert_eq!(refused(&told), ["login.idp.example", "ads.example"]);
    assert_eq!(call(&running, &owner, Method::GET, &session, None).await, told);

    let view = call(&running, &owner, Method::POST, &session, Some("login.idp.example")).await;
    assert_eq!((refused(&view), &view["allowed"]), (vec!["ads.example"], &json!(["login.idp.example"])));
    assert_eq!(stream.hosts().await, view);
    assert_eq!(reaches(&running, address, "login.idp.example").await, allowed(&machine));

    drop((running, stream));
    let running = lab.start().await;
    assert_eq!(reaches(&running, address, "login.idp.example").await, allowed(&machine));
    assert_eq!(reaches(&running, address, "auth.openai.com").await, allowed(&machine));
    assert_eq!(reaches(&running, address, "ads.example").await, Reaches::Refused);
    call(&running, &owner, Method::DELETE, &session, Some("login.idp.example")).await;
    assert_eq!(reaches(&running, address, "login.idp.example").await, Reaches::Refused);
}

#[tokio::test(start_paused = true)]
async fn an_allowed_host_is_the_next_sign_ins_too_and_no_other_providers() {
    let lab = lab();
    let running = lab.start().await;
    let owner = running.owner().await;
    let first = running.click(&owner, "codex", "o1").await;
    address_of(&lab, &running, &owner, &first).await;
    call(&running, &owner, Method::POST, &first, Some("*.idp.example")).await;
    let (second, other) = (running.click(&owner, "codex", "o2").await, running.click(&owner, "wrangler", "o3").await);
    let (machine, address) = address_of(&lab, &running, &owner, &second).await;
    assert_eq!(reaches(&running, address, "login.idp.example").await, allowed(&machine));
    let (_, address) = address_of(&lab, &running, &owner, &other).await;
    assert_eq!(reaches(&running, address, "login.idp.example").await, Reaches::Refused);
}

#[tokio::test(start_paused = true)]
async fn when_its_session_has_ended_a_machine_reaches_nothing_and_nothing_is_allowed_for_it() {
    let lab = lab();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let (_, address) = address_of(&lab, &running, &owner, &session).await;
    let path = format!("/api/session/{session}");
    running.person(&owner, Method::DELETE, &path, None).await.is(200);
    assert!(!matches!(reaches(&running, address, "auth.openai.com").await, Reaches::Allowed { .. }));
    let path = format!("{path}/hosts");
    let body = Some(json!({"host": "login.idp.example"}));
    running.person(&owner, Method::POST, &path, body).await.is_problem(410, "ended");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_host_is_refused_and_where_machines_are_free_there_is_nothing_to_allow() {
    let lab = lab();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let path = format!("/api/session/{session}/hosts");
    for wrong in ["", "*", "*.com", "1.2.3.4", "https://a.example", "b\u{fc}cher.example"] {
        let reply = running.person(&owner, Method::POST, &path, Some(json!({"host": wrong}))).await;
        assert_eq!(reply.status, 400, "{wrong}");
    }
    let free = Lab::new();
    let running = free.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    assert_eq!(call(&running, &owner, Method::GET, &session, None).await["restricted"], false);
    let path = format!("/api/session/{session}/hosts");
    let reply = running.person(&owner, Method::POST, &path, Some(json!({"host": "a.example"}))).await;
    assert_eq!(reply.is_problem(422, "invalid-value")["field"], "host");
}
