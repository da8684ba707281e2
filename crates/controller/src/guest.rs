//! The guest's use cases: what it is for, and what it reports.

use std::time::Duration;

use anteroom_protocol::{
    MachineId, SessionId,
    guest::{Assignment, Report, Reports, RunPlan, Work},
    limits,
};
use anteroom_session::{
    Input, Refusal,
    machine::{MachineRow, Wanted},
};

use crate::{Caller, Controller, Error, Token};

impl Controller {
    /// The machine with this token; `None` when the token opens nothing (any more).
    pub(crate) async fn machine(&self, token: &Token) -> Result<Option<MachineRow>, Error> {
        Ok(self.store.machine_by_token(&token.digest()).await?)
    }

    /// What the machine is for. A pooled one waits for a session that it is bound to. For the session, the asking is its
    /// agent's first word.
    ///
    /// # Errors
    /// The session has ended, or the machine is not wanted any more.
    pub(crate) async fn assignment(&self, machine: &MachineId, wait: Duration) -> Result<Option<Assignment>, Error> {
        let (mut waiter, deadline) = (self.keeper(machine), Self::poll_deadline(wait));
        let mut place = None;
        loop {
            let row = self.store.machine(machine).await?.filter(|row| row.wanted == Wanted::Running);
            match row.ok_or(Error::NoAccess)?.session {
                Some(session) => return self.assigned(&session).await.map(Some),
                None => place.get_or_insert_with(|| self.pool.enter(machine)),
            };
            if !waiter.changed_before(deadline).await {
                return Ok(None);
            }
        }
    }

    async fn assigned(&self, id: &SessionId) -> Result<Assignment, Error> {
        let session = self.decide(&Caller::Machine(id.clone()), id, Input::AgentSpoke).await?.session;
        let provider =
            self.catalogue.get(&session.provider).ok_or_else(|| Error::UnknownProvider(session.provider.clone()))?;
        let work = match &session.run {
            Some(run) if run.check => provider.check_plan(run.size).map(|run| Work::Run { run }),
            Some(run) => provider
                .run_plan(&run.arguments, run.size, run.terminal)
                .map(|plan| Work::Run { run: RunPlan { background: run.background, ..plan } }),
            None => provider.login.plan(session.method).map(|login| Work::SignIn { login }),
        };
        let work = work.ok_or_else(|| Error::Invalid {
            field: "method".to_owned(),
            problem: "is none of the provider's any more: its file has changed".to_owned(),
        })?;
        Ok(Assignment { session_id: session.id, work, credential: provider.credential.clone() })
    }

    /// Takes the agent's reports in their order. What ends the session ends the request as well.
    ///
    /// # Errors
    /// A report that can't be one, or that can't be now; those before it are taken.
    pub(crate) async fn reports(&self, id: &SessionId, reports: Reports) -> Result<(), Error> {
        let session = self.load(&Caller::Machine(id.clone()), id).await?.session;
        let hosts = self.catalogue.get(&session.provider).map_or(&[][..], |provider| &provider.login.url_hosts);
        check(&reports, hosts)?;
        let mut ended_here = false;
        for report in reports.reports {
            self.note_health(id, &report).await?;
            match self.decide(&Caller::Machine(id.clone()), id, Input::Report(report)).await {
                Ok(decided) => ended_here |= decided.session.end().is_some(),
                Err(Error::Refused(Refusal::Ended(_))) if ended_here => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Checks all of them before any is taken.
fn check(reports: &Reports, hosts: &[String]) -> Result<(), Error> {
    let count = reports.reports.len();
    if count > limits::MAX_REPORTS_PER_REQUEST {
        let problem = format!("has {count} reports; at most {} are taken", limits::MAX_REPORTS_PER_REQUEST);
        return Err(Error::Invalid { field: "reports".to_owned(), problem });
    }
    for (index, report) in reports.reports.iter().enumerate() {
        check_one(report, hosts)
            .map_err(|(field, problem)| Error::Invalid { field: format!("reports[{index}].{field}"), problem })?;
    }
    Ok(())
}

fn check_one(report: &Report, hosts: &[String]) -> Result<(), (&'static str, String)> {
    match report {
        Report::DesktopFailed { detail }
        | Report::CliNotStarted { detail }
        | Report::CliExited { detail, .. }
        | Report::PasteRefused { detail }
        | Report::CredentialMissing { detail } => check_detail(detail).map_err(|problem| ("detail", problem)),
        Report::UrlFound { url, .. } => check_url(url, hosts).map_err(|problem| ("url", problem)),
        Report::CodeFound { code } => check_code(&code.code)
            .map_err(|problem| ("code.code", problem))
            .and_then(|()| check_url(&code.url, hosts).map_err(|problem| ("code.url", problem))),
        Report::DesktopReady | Report::BrowserReady | Report::CliStarted | Report::UrlOpened => Ok(()),
    }
}

pub(crate) fn check_detail(detail: &str) -> Result<(), String> {
    if detail.len() > limits::MAX_DETAIL_BYTES {
        Err(format!("has {} bytes; at most {} are taken", detail.len(), limits::MAX_DETAIL_BYTES))
    } else {
        Ok(())
    }
}

/// It is shown to a person as it is.
fn check_code(code: &str) -> Result<(), String> {
    let plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !code.is_empty() && code.len() <= limits::MAX_DEVICE_CODE_BYTES && plain {
        Ok(())
    } else {
        Err(format!("must be 1 to {} letters, digits and hyphens", limits::MAX_DEVICE_CODE_BYTES))
    }
}

/// The page shows the URL to a person, who trusts it: a machine that was taken over must not choose the host.
fn check_url(url: &str, hosts: &[String]) -> Result<(), String> {
    if url.len() > limits::MAX_URL_BYTES {
        return Err(format!("has {} bytes; at most {} are taken", url.len(), limits::MAX_URL_BYTES));
    }
    match host_of(url) {
        Some(host) if hosts.iter().any(|known| is_host(&host, known)) => Ok(()),
        Some(_) => Err("names a host that is none of the provider's login.url_hosts".to_owned()),
        None => Err("must be an https URL without user, control characters and spaces".to_owned()),
    }
}

fn host_of(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let plain = !url.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\');
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _port)| host);
    (plain && !host.is_empty() && !authority.contains('@')).then(|| host.to_ascii_lowercase())
}

/// `.example.com` takes subdomains too.
fn is_host(host: &str, known: &str) -> bool {
    match known.strip_prefix('.') {
        Some(domain) => host == domain || host.ends_with(known),
        None => host == known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_device_code_is_shown() {
        assert_eq!(check_code("ABCD-12345"), Ok(()));
        for bad in ["", "AB CD", "<b>", "\u{202e}ABCD", &"A".repeat(limits::MAX_DEVICE_CODE_BYTES + 1)] {
            assert!(check_code(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_https_urls_of_the_providers_hosts_are_shown() {
        let hosts = ["auth.example".to_owned(), ".sub.example".to_owned()];
        for good in
            ["https://auth.example/x?y#z", "https://AUTH.example:443/", "https://a.sub.example", "https://sub.example/"]
        {
            assert_eq!(check_url(good, &hosts), Ok(()), "{good}");
        }
        for bad in [
            "http://auth.example/",
            "https://evil.example/",
            "https://auth.example@evil.example/",
            "https://evil.example\\@auth.example/",
            "https://auth.example.evil.example/",
            "https://notsub.example/",
            "https:///x",
            "javascript:alert(1)",
            "https://auth.example/\n",
        ] {
            assert!(check_url(bad, &hosts).is_err(), "{bad}");
        }
        assert!(check_url(&format!("https://auth.example/{}", "x".repeat(limits::MAX_URL_BYTES)), &hosts).is_err());
    }
}
