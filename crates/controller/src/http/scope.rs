//! Which scope a person's call needs. Only personal tokens have fewer than all; what is named nowhere here needs `manage`, so that a
//! new call is closed until somebody has thought about it.

use anteroom_protocol::access::Scope;
use axum::http::Method;

/// Addresses whose every call needs one scope: what begins with the first.
const WHOLE: [(&str, Scope); 5] = [
    ("/api/vm/", Scope::Connect),
    // A sign-in's states hold its link and its code, and its views show its desktop.
    ("/api/session/", Scope::Connect),
    ("/api/webrtc/", Scope::Connect),
    ("/api/tokens", Scope::Manage),
    ("/api/machines", Scope::Manage),
];

/// Addresses that may be read with `read`; what changes something needs the scope beside it.
const READ: [(&str, Scope); 6] = [
    ("/api/me", Scope::Manage),
    ("/api/providers", Scope::Manage),
    ("/api/credentials", Scope::Manage),
    ("/api/connection", Scope::Manage),
    ("/api/openapi.json", Scope::Manage),
    ("/api/runs", Scope::Run),
];

/// The scope that a call needs; none for the page's own files, which hold nothing of a person.
pub(super) fn needed(method: &Method, path: &str) -> Option<Scope> {
    if !path.starts_with("/api/") && path != "/readyz" {
        return None;
    }
    let reads = method.is_safe();
    // They widen the wall around all machines of the provider.
    if path.ends_with("/hosts") && !reads {
        return Some(Scope::Manage);
    }
    if let Some((_, scope)) = WHOLE.iter().find(|(prefix, _)| path.starts_with(prefix)) {
        return Some(*scope);
    }
    Some(match READ.iter().find(|(prefix, _)| path.starts_with(prefix)) {
        Some((_, Scope::Run)) if path.ends_with("/terminal") || path.ends_with("/output") => Scope::Run,
        Some(_) if path.starts_with("/api/credentials/") && path.ends_with("/check") => Scope::Run,
        Some(_) if reads => Scope::Read,
        Some((_, scope)) => *scope,
        None => Scope::Manage,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::person_calls;

    /// Every call of the API with what it needs; a call that is new stands here, or this fails.
    const CALLS: &str = "
        GET /api/connection read
        GET /api/connection/events read
        GET /api/credentials read
        DELETE /api/credentials/{id} manage
        POST /api/credentials/{id}/check run
        POST /api/credentials/{id}/restore manage
        GET /api/credentials/{id}/versions read
        GET /api/machines manage
        DELETE /api/machines/{id} manage
        GET /api/machines/{id}/logs manage
        POST /api/machines/{id}/stop manage
        GET /api/me read
        GET /api/providers read
        GET /api/runs read
        POST /api/runs run
        DELETE /api/runs/{id} run
        GET /api/runs/{id} read
        GET /api/runs/{id}/events read
        GET /api/runs/{id}/output run
        GET /api/runs/{id}/terminal run
        DELETE /api/session/{id} connect
        GET /api/session/{id} connect
        GET /api/session/{id}/events connect
        DELETE /api/session/{id}/hosts manage
        GET /api/session/{id}/hosts connect
        POST /api/session/{id}/hosts manage
        POST /api/session/{id}/paste connect
        POST /api/session/{id}/whep connect
        DELETE /api/session/{id}/whep/{view} connect
        PATCH /api/session/{id}/whep/{view} connect
        GET /api/tokens manage
        POST /api/tokens manage
        DELETE /api/tokens/{id} manage
        POST /api/vm/auth connect
        GET /api/webrtc/ice-servers connect
        GET /api/webrtc/session/{id}/answer connect
        POST /api/webrtc/session/{id}/candidate connect
        GET /api/webrtc/session/{id}/candidates/{side} connect
        POST /api/webrtc/session/{id}/connection connect
        POST /api/webrtc/session/{id}/offer connect
    ";

    #[test]
    fn every_call_needs_the_scope_that_is_written_down_for_it() {
        let document = serde_json::to_value(person_calls().into_openapi()).unwrap();
        let mut seen = String::new();
        for (path, calls) in document["paths"].as_object().unwrap() {
            for method in calls.as_object().unwrap().keys() {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let scope = needed(&method, path).map_or("none", Scope::word);
                seen += &format!("{method} {path} {scope}\n");
            }
        }
        let expected: String =
            CALLS.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn the_pages_own_files_need_none_and_what_nobody_has_thought_of_needs_manage() {
        assert_eq!(needed(&Method::GET, "/assets/index.js"), None);
        assert_eq!(needed(&Method::GET, "/api/new"), Some(Scope::Manage));
        assert_eq!(needed(&Method::GET, "/readyz"), Some(Scope::Manage));
        assert_eq!(needed(&Method::GET, "/api/runs/ses_x/terminal"), Some(Scope::Run));
    }
}
