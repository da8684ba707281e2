//! The agent's reports on their way to the controller: in order, repeated until they are acknowledged.

use anteroom_protocol::{guest::Report, limits};
use tokio::sync::{mpsc, oneshot};

use crate::controller::{Controller, Ended};

/// Reports that wait while the controller is away. A sign-in makes about ten; restarts of the browser some
/// more. When it is full, the reporting part waits: order counts more than progress nobody sees.
const MAX_WAITING: usize = 256;

enum Entry {
    Report(Report),
    /// Told when everything before it is acknowledged.
    Mark(oneshot::Sender<()>),
}

/// The sending end, for all parts of the agent.
#[derive(Clone)]
pub struct Reporter(mpsc::Sender<Entry>);

/// The end that delivers.
pub struct Outbound(mpsc::Receiver<Entry>);

/// A queue of reports.
#[must_use]
pub fn queue() -> (Reporter, Outbound) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    (Reporter(sender), Outbound(receiver))
}

impl Reporter {
    /// Queues a report. When nobody delivers any more, the agent is ending, and the report is dropped.
    pub async fn report(&self, report: Report) {
        let _ = self.0.send(Entry::Report(report)).await;
    }

    /// Waits until all reports so far are acknowledged.
    pub async fn acknowledged(&self) {
        let (mark, told) = oneshot::channel();
        if self.0.send(Entry::Mark(mark)).await.is_ok() {
            let _ = told.await;
        }
    }
}

impl Outbound {
    /// Delivers until the session ends.
    pub async fn deliver(mut self, controller: &Controller) -> Ended {
        match self.try_deliver(controller).await {
            Ok(()) => std::future::pending().await,
            Err(ended) => ended,
        }
    }

    /// Ends well when all reporters are gone.
    async fn try_deliver(&mut self, controller: &Controller) -> Result<(), Ended> {
        let mut entries = Vec::new();
        while self.0.recv_many(&mut entries, limits::MAX_REPORTS_PER_REQUEST).await > 0 {
            let mut reports = Vec::new();
            let mut marks = Vec::new();
            for entry in entries.drain(..) {
                match entry {
                    Entry::Report(report) => reports.push(report),
                    Entry::Mark(mark) => marks.push(mark),
                }
            }
            if !reports.is_empty() {
                controller.reports(reports).await?;
            }
            for mark in marks {
                let _ = mark.send(());
            }
        }
        Ok(())
    }
}

impl Outbound {
    /// The next report, for those who deliver it otherwise; none when all reporters are gone.
    pub(crate) async fn next(&mut self) -> Option<Report> {
        loop {
            match self.0.recv().await? {
                Entry::Report(report) => return Some(report),
                Entry::Mark(mark) => drop(mark.send(())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;
    use tokio::time::timeout;

    use super::*;
    use crate::controller::scripted::Scripted;

    const DEADLINE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn reports_arrive_in_order_and_all_of_them_though_the_controller_was_away() {
        let scripted =
            Scripted::start(vec![(503, Value::Null), (204, Value::Null), (204, Value::Null), (204, Value::Null)]).await;
        let (reporter, outbound) = queue();
        let count = 70;
        for code in 0..count {
            reporter.report(Report::CliExited { code, detail: String::new() }).await;
        }
        let client = scripted.client();
        let delivery = tokio::spawn(async move { outbound.deliver(&client).await });
        timeout(DEADLINE, reporter.acknowledged()).await.expect("acknowledged in time");
        let requests = scripted.seen();
        assert_eq!(requests[0], requests[1], "a busy controller gets the same again");
        let batches: Vec<&Vec<Value>> =
            requests[1..].iter().map(|seen| seen.body["reports"].as_array().unwrap()).collect();
        assert!(batches.iter().all(|batch| batch.len() <= limits::MAX_REPORTS_PER_REQUEST));
        let codes: Vec<i64> = batches.into_iter().flatten().map(|report| report["code"].as_i64().unwrap()).collect();
        assert_eq!(codes, (0..i64::from(count)).collect::<Vec<_>>());
        delivery.abort();
    }

    #[tokio::test]
    async fn refused_reports_do_not_hold_up_the_next() {
        let scripted = Scripted::start(vec![(422, Value::Null), (204, Value::Null)]).await;
        let (reporter, outbound) = queue();
        let client = scripted.client();
        let delivery = tokio::spawn(async move { outbound.deliver(&client).await });
        reporter.report(Report::CliStarted).await;
        timeout(DEADLINE, reporter.acknowledged()).await.expect("acknowledged in time");
        reporter.report(Report::DesktopReady).await;
        timeout(DEADLINE, reporter.acknowledged()).await.expect("acknowledged in time");
        assert_eq!(scripted.seen()[1].body["reports"][0]["kind"], "desktop-ready");
        delivery.abort();
    }
}
