//! People who sign in without a desktop, in their own browser: they begin by `paste` and bring back what they end with, again and
//! again until the session goes on. Nothing is done on a page.

use std::{sync::Arc, time::Duration};

use anteroom_controller::{SignInStarted, StartSignIn};
use anteroom_protocol::{ProviderId, SessionId, provider::MethodKind};
use serde_json::json;

use crate::{
    call::{Call, Door, Reply},
    network::send_until_answered,
    scene::Scene,
};

const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// The pauses between two tries, milliseconds.
const PAUSES: (u64, u64) = (1000, 4000);
/// Texts that one person brings.
const MAX_TEXTS: u64 = 3;

/// What a person brings begins so; who brought it and where to stands after it.
pub(crate) fn text_for(session: &SessionId) -> String {
    format!("code for {session}")
}

/// From the click to the last text that is taken.
pub(crate) async fn sign_in(scene: Arc<Scene>, provider: ProviderId, key: String) {
    let body = StartSignIn { provider, method: Some(MethodKind::Paste), webrtc_offer: None, relay_ticket: None };
    let call = Call::get(Door::Person, &scene.owner, "/api/vm/auth", CALL_DEADLINE).post(&body);
    let reply = send_until_answered(&scene, "at home", PAUSES, &Call { key: Some(key.clone()), ..call }).await;
    let Some(started) = reply.parse::<SignInStarted>() else { return };
    scene.clicked(&key, &started.session_id);
    for _ in 0..scene.dice.number(1..=MAX_TEXTS) {
        if !bring(&scene, &started.session_id).await {
            return;
        }
    }
}

/// Whether the text was taken; otherwise there is nothing to bring it to any more.
async fn bring(scene: &Arc<Scene>, session: &SessionId) -> bool {
    let path = format!("/api/session/{session}/paste");
    let call = Call::get(Door::Person, &scene.owner, path, CALL_DEADLINE).post(&json!({"text": text_for(session)}));
    loop {
        scene.sleep(200..=6000).await;
        let reply: Reply = send_until_answered(scene, "at home", PAUSES, &call).await;
        match reply.status {
            204 => {
                scene.referee.count("texts taken");
                return true;
            }
            // The tool does not wait for one yet, or no more.
            409 => {}
            _ => return false,
        }
    }
}
