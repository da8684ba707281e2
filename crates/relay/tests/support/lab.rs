//! A relay on loopback, an echoing machine beside it, and certificates.

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anteroom_protocol::UnixMillis;
use anteroom_relay::{Config, Counters, Handle, Limits, Relay};
use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::PKey,
    x509::{X509, X509NameBuilder, extension::SubjectAlternativeName},
};
use tempfile::TempDir;
use tokio::{
    net::UdpSocket,
    task::AbortHandle,
    time::{Instant, sleep},
};

use super::{
    Dialogue, address,
    client::{Client, DEADLINE, Way},
    ip, secret, session,
    world::World,
};

/// The machine's address; the relay's is 127.0.0.1.
pub const MACHINE: &str = "127.0.0.2";

pub struct Lab {
    pub relay: Relay,
    pub world: Arc<World>,
    pub echo: Echo,
    pub directory: TempDir,
    pub certificate: Vec<u8>,
}

/// A program in the machine that sends everything back.
pub struct Echo {
    pub address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Echo {
    pub async fn start(at: &str) -> Self {
        let socket = UdpSocket::bind((ip(at), 0)).await.expect("a socket in the machine");
        let address = socket.local_addr().expect("it is bound");
        let task = tokio::spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                // A full queue loses a datagram, as a network does.
                let _lost = socket.send_to(&buffer[..length], from).await;
            }
        });
        Self { address, task: task.abort_handle() }
    }
}

#[expect(clippy::disallowed_methods, reason = "the relay under test reads the same clock")]
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    UnixMillis(i64::try_from(since.as_millis()).expect("not so late"))
}

impl Lab {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with_limits(limits: Limits) -> Self {
        Self::with(|config| config.limits = limits).await
    }

    /// A relay on UDP, TCP and TLS, with the session 1 in the machine.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let certificate = write_certificate(directory.path());
        let mut config = config(directory.path());
        change(&mut config);
        let world = World::new(&[(session(1), ip(MACHINE))]);
        let relay = Relay::start(config, world.clone()).await.expect("the relay starts");
        Self { relay, world, echo: Echo::start(MACHINE).await, directory, certificate }
    }

    pub fn ways(&self) -> [Way; 3] {
        let addresses = self.relay.addresses();
        [
            Way::Udp(addresses.listen[0]),
            Way::Tcp(addresses.listen[0]),
            Way::Tls(addresses.tls[0], self.certificate.clone()),
        ]
    }

    pub async fn connect(&self, way: &Way, handle: &Handle) -> Client {
        Client::connect(way, Dialogue::new(handle, now())).await
    }

    /// A client of session 1 with an allocation, and its relayed address.
    pub async fn allocated(&self, way: &Way) -> (Client, SocketAddr) {
        let mut client = self.connect(way, &session(1)).await;
        let reply = client.allocate().await;
        assert_eq!((reply.code, reply.signed), (0, true), "{way:?}");
        (client, reply.relayed.expect("an address"))
    }

    /// Waits until the counters are as wanted.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Counters) -> bool) -> Counters {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let counters = self.relay.counters();
            if wanted(&counters) {
                return counters;
            }
            assert!(Instant::now() < deadline, "{what}: {counters:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

pub fn config(directory: &Path) -> Config {
    let secret_file = directory.join("secret");
    std::fs::write(&secret_file, format!("{}\n", secret().expose())).expect("a file");
    Config {
        listen: vec![address("127.0.0.1:0"), address("[::1]:0")],
        tls_listen: vec![address("127.0.0.1:0")],
        certificate: Some(directory.join("certificate.pem")),
        key: Some(directory.join("key.pem")),
        relay_address: ip("127.0.0.1"),
        secret_file: Some(secret_file),
        ..Config::default()
    }
}

/// A new certificate for `localhost`, and its key. Returns the certificate.
pub fn write_certificate(directory: &Path) -> Vec<u8> {
    let (certificate, key) = certificate().expect("OpenSSL makes certificates");
    std::fs::write(directory.join("certificate.pem"), &certificate).expect("a file");
    std::fs::write(directory.join("key.pem"), key).expect("a file");
    certificate
}

fn certificate() -> Result<(Vec<u8>, Vec<u8>), openssl::error::ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", "localhost")?;
    let name = name.build();
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(120, openssl::bn::MsbOption::ONE, false)?;
    let serial = serial.to_asn1_integer()?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_not_before(&*Asn1Time::days_from_now(0)?)?;
    builder.set_not_after(&*Asn1Time::days_from_now(2)?)?;
    builder.set_pubkey(&key)?;
    let names = SubjectAlternativeName::new().dns("localhost").build(&builder.x509v3_context(None, None))?;
    builder.append_extension(names)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok((builder.build().to_pem()?, key.private_key_to_pem_pkcs8()?))
}
