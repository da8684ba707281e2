//! Answers what comes in at a listener, over HTTP/1.1 alone.
//!
//! Ten thousand pages wait on connections of their own, so that what one connection holds while it waits is what counts.
//! `axum::serve` looks for HTTP/2 first; the 24 bytes that it reads for that make hyper's first read a partial one, and
//! every connection's buffer twice as large for good.

use std::{convert::Infallible, pin::pin};

use axum::{Router, body::Body, response::Response};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};
use tower::Service as _;

use super::listener::{Bounded, Bounds, Connection};
use crate::signal::{Listener, Signal};

/// Answers until `stopped` resolves, then closes the listener and lets the requests under way come to their end. When it
/// is dropped, all connections end where they are.
pub async fn serve(listener: TcpListener, bounds: Bounds, router: Router, stopped: impl Future<Output = ()>) {
    let (mut listener, stopping) = (Bounded::new(listener, bounds), Signal::default());
    let mut connections = JoinSet::new();
    let mut stopped = pin!(stopped);
    loop {
        tokio::select! {
            connection = listener.accept() => {
                connections.spawn(converse(connection, router.clone(), stopping.listener_from_the_first()));
            }
            // Those that have ended are let go of.
            Some(_) = connections.join_next() => {}
            () = &mut stopped => break,
        }
    }
    drop(listener);
    stopping.give();
    while connections.join_next().await.is_some() {}
}

/// One connection, request after request. How it ends is the peer's business.
async fn converse(connection: Connection, router: Router, mut stopping: Listener) {
    let answer = service_fn(move |request| respond(router.clone(), request));
    let mut conversation =
        pin!(http1::Builder::new().serve_connection(TokioIo::new(connection), answer).with_upgrades());
    tokio::select! {
        biased;
        _ = conversation.as_mut() => return,
        () = stopping.heard() => conversation.as_mut().graceful_shutdown(),
    }
    let _ = conversation.await;
}

/// A router is always ready.
fn respond(mut router: Router, request: Request<Incoming>) -> impl Future<Output = Result<Response, Infallible>> {
    router.call(request.map(Body::new))
}
