//! Debian's coturn as second judge: its client against our relay, and our credentials against its server.

mod support;

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    net::{SocketAddr, UdpSocket as StdUdpSocket},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anteroom_relay::{Config, External, credentials, issuer};
use support::{
    Dialogue,
    client::{Client, DEADLINE, Way},
    ip,
    lab::{Lab, now},
    secret, session,
};
use tokio::{process::Command as AsyncCommand, task::JoinSet, time::timeout};

/// What coturn's client sends, and wants back.
const MESSAGES: usize = 40;

/// Runs coturn's client through our relay to the echoing machine, and returns what it printed.
async fn uclient(lab: &Lab, way: &Way, flags: &[&str]) -> String {
    let minted = credentials::mint(&secret(), &session(1), now(), 600);
    let (server, transport): (&SocketAddr, &[&str]) = match way {
        Way::Udp(server) => (server, &[]),
        Way::Tcp(server) => (server, &["-t"]),
        Way::Tls(server, _) => (server, &["-t", "-S"]),
    };
    let mut command = AsyncCommand::new("turnutils_uclient");
    command.args(transport).args(flags).args(["-c", "-n", &MESSAGES.to_string(), "-l", "170"]);
    command.args(["-u", &minted.username, "-w", minted.password.expose()]);
    command.args(["-e", &lab.echo.address.ip().to_string(), "-r", &lab.echo.address.port().to_string()]);
    command.args(["-p", &server.port().to_string(), &server.ip().to_string()]);
    let output = timeout(Duration::from_secs(60), command.kill_on_drop(true).stdin(Stdio::null()).output());
    let output = output.await.expect("it ends").expect("coturn is installed: scripts/install.sh run test");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{way:?} {flags:?}: {printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}

#[tokio::test]
async fn coturn_s_client_loses_nothing_through_our_relay() {
    let lab = Arc::new(Lab::start().await);
    let mut runs = JoinSet::new();
    for way in lab.ways() {
        // By channels and by indications.
        for flags in [&[][..], &["-s"]] {
            let (lab, way) = (lab.clone(), way.clone());
            runs.spawn(async move {
                let printed = uclient(&lab, &way, flags).await;
                let all = format!("tot_send_msgs={MESSAGES}, tot_recv_msgs={MESSAGES}");
                assert!(printed.contains(&all), "{way:?} {flags:?}: {printed}");
                assert!(printed.contains("Total lost packets 0 (0.000000%)"), "{way:?} {flags:?}: {printed}");
            });
        }
    }
    while let Some(ended) = runs.join_next().await {
        ended.expect("each run loses nothing");
    }
    assert_eq!(lab.relay.counters().stats.dropped_rate, 0);
}

/// A coturn with our shared secret, ended with the test.
struct Coturn {
    child: Child,
    server: SocketAddr,
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Coturn {
    /// The secret goes in by a file that only its owner reads; arguments are everybody's.
    async fn start(directory: &Path) -> Self {
        let port = StdUdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let configuration = directory.join("turnserver.conf");
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&configuration).expect("a file");
        write!(
            file,
            "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={port}\nrealm=example\nuse-auth-secret\n\
             static-auth-secret={}\nallow-loopback-peers\nno-tls\nno-dtls\nno-cli\nlog-file=stdout\nsimple-log\n\
             pidfile={pid}\nuserdb={db}\n",
            secret().expose(),
            pid = directory.join("turnserver.pid").display(),
            db = directory.join("turndb").display(),
        )
        .expect("it is written");
        let log = fs::File::create(directory.join("turnserver.log")).expect("a file");
        let child = Command::new("turnserver")
            .arg("-c")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("coturn is installed: scripts/install.sh run test");
        let coturn = Self { child, server: (ip("127.0.0.1"), port).into() };
        coturn.until_it_answers().await;
        coturn
    }

    async fn until_it_answers(&self) {
        let mut client = Client::connect(&Way::Udp(self.server), Dialogue::with("", "")).await;
        let asking = async {
            loop {
                let binding = client.dialogue.binding();
                client.write(&binding).await;
                if client.read(Duration::from_millis(100)).await.is_some() {
                    return;
                }
            }
        };
        timeout(DEADLINE, asking).await.expect("coturn answers");
    }
}

#[tokio::test]
async fn an_outside_coturn_takes_our_credentials_and_refuses_expired_ones() {
    let directory = tempfile::tempdir().expect("a directory");
    let coturn = Coturn::start(directory.path()).await;
    let secret_file = directory.path().join("secret");
    fs::write(&secret_file, secret().expose()).expect("a file");
    let external = External {
        urls: vec![format!("turn:{}?transport=udp", coturn.server)],
        secret_file: Some(secret_file),
        secret: None,
    };
    let config = Config { listen: Vec::new(), external: Some(external), ..Config::default() };
    let issuer = issuer(&config).expect("the secret can be read");
    for (at, code) in [(now(), 0), (now().plus_ms(-1_000_000), 401)] {
        let issued = issuer.ice_servers("localhost", &session(1), at);
        let server = &issued.servers[0];
        let (username, password) = (server.username.as_ref(), server.credential.as_ref());
        let dialogue = Dialogue::with(username.expect("a username"), password.expect("a credential").expose());
        for way in [Way::Udp(coturn.server), Way::Tcp(coturn.server)] {
            let dialogue = Dialogue::with(&dialogue.username, &dialogue.password);
            let reply = Client::connect(&way, dialogue).await.allocate().await;
            assert_eq!(
                reply.code,
                code,
                "{way:?}: {}",
                fs::read_to_string(directory.path().join("turnserver.log")).expect("a log")
            );
        }
    }
}
