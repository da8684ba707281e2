use super::*;

const LOOPBACK: &str = "https://claude.example/oauth/authorize?redirect_uri=http%3A%2F%2Flocalhost%3A5000%2Fcallback";
const PASTE: &str = "https://claude.example/oauth/authorize?redirect_uri=https%3A%2F%2Fplatform.claude.example%2Foauth%2Fcode%2Fcallback";

fn chooser() -> Chooser {
    Chooser::new(vec!["claude.example".to_owned()])
}

fn strings(urls: &[&str]) -> Vec<String> {
    urls.iter().map(|url| (*url).to_owned()).collect()
}

fn opened(verdict: Verdict) -> Option<Found> {
    match verdict {
        Verdict::Open(found) => Some(found),
        Verdict::KnownAlready | Verdict::Refused(_) => None,
    }
}

#[test]
fn the_shims_url_is_preferred_over_the_printed_one() {
    let (mut chooser, start) = (chooser(), Instant::now());
    chooser.printed(&strings(&[PASTE]), start);
    let found = opened(chooser.asked(LOOPBACK));
    assert_eq!(found, Some(Found { url: LOOPBACK.to_owned(), source: UrlSource::Shim, open_already: false }));
    assert_eq!(chooser.due(start + PRINTED_GRACE * 2), None, "the printed one does not follow");
    assert!(!chooser.wants_printed());
}

#[test]
fn a_printed_url_is_opened_once_when_no_browser_command_came_in_time() {
    let (mut chooser, start) = (chooser(), Instant::now());
    chooser.printed(&strings(&[PASTE]), start);
    assert_eq!(chooser.due(start + PRINTED_GRACE - Duration::from_millis(1)), None);
    let found = chooser.due(start + PRINTED_GRACE);
    assert_eq!(found, Some(Found { url: PASTE.to_owned(), source: UrlSource::Printed, open_already: false }));
    assert_eq!(chooser.due(start + PRINTED_GRACE * 9), None);
    assert_eq!(chooser.due_at(), None);
}

#[test]
fn a_browser_command_that_comes_late_still_wins() {
    let (mut chooser, start) = (chooser(), Instant::now());
    chooser.printed(&strings(&[PASTE]), start);
    assert!(chooser.due(start + PRINTED_GRACE).is_some());
    assert_eq!(opened(chooser.asked(LOOPBACK)).map(|found| found.open_already), Some(false));
    let (mut same, start) = (Chooser::new(vec!["claude.example".to_owned()]), Instant::now());
    same.printed(&strings(&[LOOPBACK]), start);
    assert!(same.due(start + PRINTED_GRACE).is_some());
    assert_eq!(opened(same.asked(LOOPBACK)).map(|found| found.open_already), Some(true));
}

#[test]
fn a_url_that_grows_while_it_is_drawn_begins_its_wait_again() {
    let (mut chooser, start) = (chooser(), Instant::now());
    chooser.printed(&strings(&[&PASTE[..60]]), start);
    chooser.printed(&strings(&[PASTE]), start + Duration::from_secs(2));
    chooser.printed(&strings(&[PASTE]), start + Duration::from_secs(3));
    assert_eq!(chooser.due(start + PRINTED_GRACE), None);
    assert_eq!(chooser.due(start + Duration::from_secs(2) + PRINTED_GRACE).map(|f| f.url), Some(PASTE.to_owned()));
}

#[test]
fn of_several_printed_urls_the_longest_of_the_providers_hosts_is_taken() {
    let (mut chooser, start) = (chooser(), Instant::now());
    let elsewhere = format!("https://elsewhere.example/{}", "x".repeat(500));
    chooser.printed(&strings(&["https://claude.example/help", PASTE, &elsewhere]), start);
    assert_eq!(chooser.due(start + PRINTED_GRACE).map(|found| found.url), Some(PASTE.to_owned()));
}

#[test]
fn a_url_of_a_foreign_host_is_not_opened() {
    let (mut chooser, start) = (chooser(), Instant::now());
    let verdict = chooser.asked("https://evil.example/");
    assert_eq!(verdict, Verdict::Refused(Refused::Host("evil.example".to_owned())));
    chooser.printed(&strings(&["https://evil.example/"]), start);
    assert_eq!(chooser.due(start + PRINTED_GRACE), None);
}

#[test]
fn the_same_command_twice_opens_one_page_and_pages_are_counted() {
    let mut chooser = chooser();
    assert!(opened(chooser.asked(LOOPBACK)).is_some());
    assert_eq!(chooser.asked(LOOPBACK), Verdict::KnownAlready);
    for n in 1..MAX_OPENED {
        assert!(opened(chooser.asked(&format!("https://claude.example/{n}"))).is_some());
    }
    let one_more = chooser.asked("https://claude.example/one-more");
    assert_eq!(one_more, Verdict::Refused(Refused::TooMany(MAX_OPENED)));
}
