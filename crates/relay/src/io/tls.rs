//! TLS to viewers. The certificate is read again when its files have changed, so that a renewal needs no restart.

use std::{
    fs, io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use openssl::{
    error::ErrorStack,
    ssl::{Ssl, SslAcceptor, SslFiletype, SslMethod},
};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use super::RelayError;

/// When the two files were written.
type Stamp = [Option<SystemTime>; 2];

/// What TLS connections are accepted with.
pub(super) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<(Stamp, SslAcceptor)>,
}

impl Tls {
    pub(super) fn load(certificate: &Path, key: &Path) -> Result<Self, RelayError> {
        let stamp = stamp(certificate, key);
        let acceptor = acceptor(certificate, key).map_err(|problem| RelayError::Certificate {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            problem: problem.to_string(),
        })?;
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), current: Mutex::new((stamp, acceptor)) })
    }

    /// Shakes hands. The caller sets the deadline.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<SslStream<TcpStream>> {
        let ssl = self.ssl().map_err(io::Error::other)?;
        let mut stream = SslStream::new(ssl, stream).map_err(io::Error::other)?;
        Pin::new(&mut stream).accept().await.map_err(io::Error::other)?;
        Ok(stream)
    }

    fn ssl(&self) -> Result<Ssl, ErrorStack> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(&self.certificate, &self.key);
        if stamp != current.0 {
            match acceptor(&self.certificate, &self.key) {
                Ok(acceptor) => *current = (stamp, acceptor),
                // One of two files may be new already; the old pair goes on until both are.
                Err(problem) => tracing::warn!(
                    certificate = %self.certificate.display(),
                    %problem,
                    "the relay's certificate has changed and can't be read; the one before it is still used"
                ),
            }
        }
        Ssl::new(current.1.context())
    }
}

fn stamp(certificate: &Path, key: &Path) -> Stamp {
    [certificate, key].map(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
}

fn acceptor(certificate: &Path, key: &Path) -> Result<SslAcceptor, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_certificate_chain_file(certificate)?;
    builder.set_private_key_file(key, SslFiletype::PEM)?;
    builder.check_private_key()?;
    Ok(builder.build())
}
