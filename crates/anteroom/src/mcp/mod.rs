//! `anteroom mcp`: what this program's commands do, as tools of the Model Context Protocol (MCP) on standard input and output, for
//! agents. It asks the same server as `connect` and `run` do, by the same calls. Secrets are in no answer: an agent starts a
//! sign-in, and a person ends it.

mod input;
mod output;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anteroom_protocol::{
    ProviderId, Secret, SessionId,
    provider::MethodKind,
    run::RunView,
    session::{SessionState, SessionView},
};
use reqwest::Method;
use rmcp::{
    ServerHandler, ServiceExt as _,
    handler::server::wrapper::Parameters,
    model::{CallToolResult, ContentBlock, Implementation, ServerCapabilities, ServerConfig},
    schemars::JsonSchema,
    service::{RequestContext, RoleServer},
    tool, tool_handler, tool_router,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{stdin, stdout},
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};

use self::input::Input;
use crate::client::{CallError, Server};

/// How long a sign-in may take to show its link or code; a machine starts in some seconds.
const LINK_TIMEOUT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(250);
const INSTRUCTIONS: &str = "Runs command-line tools (Claude Code, Codex, GitHub CLI, ...) on disposable machines with accounts that \
     their owner has connected. Call `list` first. A tool that is not connected, or whose health is needs-sign-in, needs `connect`: \
     show its link and code to the person, and ask `status` until it is connected. `run` gives a tool a prompt or arguments and \
     returns what it wrote. A tool with a rotating credential runs once at a time.";

/// Serves until its input ends, or it is told to end. Runs that it has begun, and that nobody waits for any more, are stopped.
///
/// # Errors
/// The client does not speak the protocol.
pub(crate) async fn serve(server: Server) -> Result<(), Box<dyn std::error::Error>> {
    let (input, mut ended) = Input::new(stdin());
    let going_on = GoingOn::default();
    let mut terminated = signal(SignalKind::terminate())?;
    let tools = Tools { server: server.clone(), going_on: going_on.clone() };
    let serving = tools.serve((input, stdout())).await?;
    tokio::select! {
        _ = serving.waiting() => {}
        _ = ended.wait_for(|ended| *ended) => {}
        _ = terminated.recv() => {}
    }
    for run in going_on.all() {
        // That it can't be stopped now ends in its own deadline.
        let _ = server.have(Method::DELETE, &format!("/api/runs/{run}")).await;
    }
    Ok(())
}

struct Tools {
    server: Server,
    going_on: GoingOn,
}

/// The runs whose ends an agent waits for.
#[derive(Clone, Default)]
struct GoingOn(Arc<Mutex<BTreeSet<SessionId>>>);

impl GoingOn {
    fn begin(&self, run: &SessionId) {
        self.lock().insert(run.clone());
    }

    fn end(&self, run: &SessionId) {
        self.lock().remove(run);
    }

    fn all(&self) -> Vec<SessionId> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<SessionId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose sign-in.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
struct Connect {
    /// The tool's id, as `list` shows it.
    provider: String,
    /// `device` (a code and a link) or `paste` (a link, and what the person brings back). Left out: what the tool can do.
    #[serde(default)]
    method: Option<String>,
}

/// What the person has brought back.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
struct Paste {
    /// From `connect`.
    session_id: String,
    /// The code, or the address of the page that could not be reached.
    text: String,
}

/// What is asked about.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
struct Status {
    /// A sign-in, from `connect`.
    #[serde(default)]
    session_id: Option<String>,
    /// A run, from `run`.
    #[serde(default)]
    run_id: Option<String>,
}

/// What runs.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
struct Run {
    /// The tool's id, as `list` shows it.
    provider: String,
    /// One prompt that the tool answers; for coding agents.
    #[serde(default)]
    prompt: Option<String>,
    /// Arguments of the tool's command, in place of a prompt.
    #[serde(default)]
    arguments: Vec<String>,
    /// Whether a run that uses the credential now is stopped first.
    #[serde(default)]
    take_over: bool,
}

/// A sign-in, as an agent needs it.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
struct Shown {
    session_id: SessionId,
    state: SessionState,
    link: Option<String>,
    code: Option<String>,
    reason: Option<String>,
    next: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    session_id: SessionId,
}

#[tool_router]
impl Tools {
    #[tool(description = "Lists the tools: which are connected, as whom, whether they work, and what runs now.")]
    async fn list(&self) -> CallToolResult {
        answer(self.overview().await)
    }

    #[tool(
        description = "Starts to sign in to a tool. Returns a link, and a code where there is one, for a person's browser."
    )]
    async fn connect(&self, Parameters(asked): Parameters<Connect>) -> CallToolResult {
        answer(self.begin(asked).await)
    }

    #[tool(description = "Gives a sign-in by `paste` what the person has brought back from their browser.")]
    async fn paste(&self, Parameters(Paste { session_id, text }): Parameters<Paste>) -> CallToolResult {
        let text = Secret::new(text);
        let path = format!("/api/session/{}/paste", segment(&session_id));
        let given = self.server.give(&path, &json!({"text": text.expose()})).await;
        answer(given.map(|()| json!({"next": "Ask `status` until it is connected."})).map_err(Failed::from))
    }

    #[tool(description = "Tells where a sign-in or a run stands.")]
    async fn status(&self, Parameters(Status { session_id, run_id }): Parameters<Status>) -> CallToolResult {
        let status = match (session_id, run_id) {
            (Some(id), None) => self.session(&id).await.map(|session| json!(shown(session))),
            (None, Some(id)) => {
                self.server.read(Method::GET, &format!("/api/runs/{}", segment(&id))).await.map_err(Failed::from)
            }
            (Some(_), Some(_)) | (None, None) => Err(Failed("give session_id or run_id, one of them".to_owned())),
        };
        answer(status)
    }

    #[tool(
        description = "Runs a tool on a machine of its own with the connected account, and returns its output and exit code."
    )]
    async fn run(&self, Parameters(asked): Parameters<Run>, context: RequestContext<RoleServer>) -> CallToolResult {
        let body = json!({
            "provider": asked.provider, "prompt": asked.prompt, "arguments": asked.arguments, "terminal": false,
            "takeOver": asked.take_over,
        });
        let run: RunView = match self.server.tell_slowly("/api/runs", &body).await {
            Ok(run) => run,
            Err(error) => return answer(Err::<(), _>(error.into())),
        };
        self.going_on.begin(&run.run_id);
        let told = tokio::select! {
            written = output::of(&self.server, &run.run_id) => answer(written.map_err(Failed::from)),
            () = context.ct.cancelled() => answer(self.end(&run.run_id).await),
        };
        self.going_on.end(&run.run_id);
        told
    }

    #[tool(description = "Stops a run. What it has changed of its credential is saved.")]
    async fn stop(&self, Parameters(Status { run_id, .. }): Parameters<Status>) -> CallToolResult {
        match run_id.as_deref().map(str::parse) {
            Some(Ok(id)) => answer(self.end(&id).await),
            Some(Err(_)) | None => answer(Err::<(), _>(Failed("give the run_id of a run".to_owned()))),
        }
    }
}

#[tool_handler]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("anteroom", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }
}

/// What an agent is told in place of an answer.
struct Failed(String);

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        Self(error.to_string())
    }
}

fn answer<T: Serialize>(outcome: Result<T, Failed>) -> CallToolResult {
    match outcome {
        Ok(told) => CallToolResult::structured(json!(told)),
        Err(Failed(detail)) => CallToolResult::error(vec![ContentBlock::text(detail)]),
    }
}

/// A sign-in's link, once there is one. What it is good for is in the code where there is one.
fn link_of(session: &SessionView) -> Option<String> {
    let code = session.device_code.as_ref().map(|code| code.url.clone());
    let waits_for_code = session.method == MethodKind::Device;
    code.or_else(|| session.login_url.as_ref().filter(|_| !waits_for_code).map(|found| found.url.clone()))
}

fn shown(session: SessionView) -> Shown {
    let next = match (session.state, session.method) {
        (SessionState::Succeeded, _) => "It is connected.",
        (state, _) if state.is_terminal() => "Nothing was connected; `connect` begins anew.",
        (_, MethodKind::Device) => {
            "Have the person open the link and type the code, and ask `status` until it is connected."
        }
        (_, MethodKind::Paste) => "Have the person open the link and sign in, and give `paste` what they end with.",
        (_, MethodKind::Desktop) => "A person signs in on the page.",
    };
    Shown {
        link: link_of(&session),
        code: session.device_code.map(|code| code.code),
        reason: session.reason.map(|reason| reason.detail).or(session.paste_refused),
        session_id: session.session_id,
        state: session.state,
        next,
    }
}

/// Text as one segment of a path; ids pass as they are.
fn segment(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

impl Tools {
    async fn overview(&self) -> Result<Value, Failed> {
        let cards: Value = self.server.read(Method::GET, "/api/providers").await?;
        let credentials: Value = self.server.read(Method::GET, "/api/credentials").await?;
        let runs: Value = self.server.read(Method::GET, "/api/runs").await?;
        let of = |list: &Value, id: &Value| -> Vec<Value> {
            list.as_array().into_iter().flatten().filter(|one| one["provider"] == *id).cloned().collect()
        };
        let tool = |card: &Value| {
            let going_on = of(&runs["runs"], &card["id"]).into_iter().filter(|run| run["state"] != "ended");
            json!({
                "provider": card["id"], "name": card["name"], "description": card["description"],
                "methods": card["methods"], "runnable": card["runnable"],
                "connected": of(&credentials["credentials"], &card["id"]).first(),
                "runs": going_on.collect::<Vec<_>>(),
            })
        };
        Ok(json!({"tools": cards["providers"].as_array().into_iter().flatten().map(tool).collect::<Vec<_>>()}))
    }

    async fn begin(&self, asked: Connect) -> Result<Shown, Failed> {
        let cards: Value = self.server.read(Method::GET, "/api/providers").await?;
        let card = cards["providers"].as_array().into_iter().flatten().find(|card| card["id"] == *asked.provider);
        let card = card.ok_or_else(|| Failed(format!("there is no tool {}; `list` shows them", asked.provider)))?;
        let provider: ProviderId = asked.provider.parse().map_err(|_| Failed("that is no tool's id".to_owned()))?;
        let methods: Vec<MethodKind> = serde_json::from_value(card["methods"].clone()).unwrap_or_default();
        let is_wanted = |method: &&MethodKind| {
            !method.has_desktop() && asked.method.as_ref().is_none_or(|wanted| json!(method) == *wanted)
        };
        let Some(method) = methods.iter().find(is_wanted) else {
            let page = self.server.origin();
            return Err(Failed(format!(
                "it does not sign in so without a desktop; a person connects it on the page {page}"
            )));
        };
        let started: Started =
            self.server.tell("/api/vm/auth", &json!({"provider": provider, "method": method})).await?;
        let deadline = Instant::now() + LINK_TIMEOUT;
        loop {
            let session = self.session(started.session_id.as_str()).await?;
            let waits = !session.state.is_terminal() && link_of(&session).is_none();
            if !waits || Instant::now() >= deadline {
                return Ok(shown(session));
            }
            sleep(LOOK).await;
        }
    }

    async fn session(&self, id: &str) -> Result<SessionView, Failed> {
        Ok(self.server.read(Method::GET, &format!("/api/session/{}", segment(id))).await?)
    }

    async fn end(&self, id: &SessionId) -> Result<Value, Failed> {
        Ok(self.server.read(Method::DELETE, &format!("/api/runs/{id}")).await?)
    }
}
