use std::collections::BTreeMap;

use super::*;

const PAGE: &str = "https://auth.example.com/device";

fn light(kind: MethodKind, code: Option<&str>) -> Light {
    let method = Method {
        kind,
        command: vec!["cli".to_owned()],
        environment: BTreeMap::new(),
        code: code.map(str::to_owned),
        replies: Vec::new(),
    };
    Light::new(&method, vec!["auth.example.com".to_owned()])
}

fn device() -> Light {
    light(MethodKind::Device, Some("code: ([A-Z]{4}-[0-9]{4})"))
}

fn shows(light: &mut Light, rows: &[&str], urls: &[&str], now: Instant) {
    let urls: Vec<_> = urls.iter().map(|url| (*url).to_owned()).collect();
    light.screen(rows.iter().copied(), &urls, now);
}

fn code(code: &str) -> Option<Told> {
    Some(Told::Code(DeviceCode { code: code.to_owned(), url: PAGE.to_owned() }))
}

fn url(url: &str) -> Option<Told> {
    Some(Told::Url(Found { url: url.to_owned(), source: UrlSource::Printed, open_already: false }))
}

#[test]
fn a_code_is_told_with_its_page_when_the_screen_has_settled_and_once() {
    let (mut light, now) = (device(), Instant::now());
    shows(&mut light, &["your code: ABCD-1234"], &[], now);
    assert_eq!(light.due(now + SETTLE), None, "where it is to be typed is not known yet");
    shows(&mut light, &["your code: ABCD-1234", PAGE], &[PAGE], now + SETTLE);
    assert_eq!(light.due_at(), Some(now + 2 * SETTLE));
    assert_eq!(light.due(now + SETTLE), None);
    assert_eq!(light.due(now + 2 * SETTLE), code("ABCD-1234"));
    shows(&mut light, &["your code: ABCD-1234", PAGE, "waiting"], &[PAGE], now + 2 * SETTLE);
    assert_eq!((light.due_at(), light.due(now + 9 * SETTLE)), (None, None));
}

#[test]
fn the_page_of_a_code_may_come_by_a_browser_command() {
    let (mut light, now) = (device(), Instant::now());
    shows(&mut light, &["your code: ABCD-1234", "Press Enter"], &[], now);
    assert_eq!(light.due(now + SETTLE), None);
    light.asked(PAGE, now + SETTLE).unwrap();
    assert_eq!(light.due(now + 2 * SETTLE), code("ABCD-1234"));
}

#[test]
fn the_last_code_on_the_screen_is_the_one_that_works() {
    let (mut light, now) = (device(), Instant::now());
    shows(&mut light, &["code: ABCD-1234"], &[PAGE], now);
    assert_eq!(light.due(now + SETTLE), code("ABCD-1234"));
    shows(&mut light, &["code: ABCD-1234", "it has expired", "code: EFGH-5678"], &[PAGE], now + SETTLE);
    assert_eq!(light.due(now + 2 * SETTLE), code("EFGH-5678"));
}

#[test]
fn a_printed_link_wins_over_the_one_that_calls_back() {
    let (mut light, now) = (light(MethodKind::Paste, None), Instant::now());
    let back = "https://auth.example.com/authorize?redirect_uri=http%3A%2F%2Flocalhost%3A1%2F";
    light.asked(back, now).unwrap();
    shows(&mut light, &["open"], &["https://auth.example.com/authorize?code=true"], now);
    assert_eq!(light.due(now + SETTLE), url("https://auth.example.com/authorize?code=true"));
    assert_eq!(light.due(now + PRINTED_GRACE), None);
}

#[test]
fn the_link_that_calls_back_is_told_when_none_is_printed() {
    let (mut light, now) = (light(MethodKind::Paste, None), Instant::now());
    light.asked(PAGE, now).unwrap();
    assert_eq!(light.due(now + SETTLE), None);
    assert_eq!(light.due(now + PRINTED_GRACE), url(PAGE));
}

#[test]
fn a_link_that_grows_while_it_is_drawn_is_told_whole() {
    let (mut light, now) = (light(MethodKind::Paste, None), Instant::now());
    shows(&mut light, &[], &["https://auth.example.com/authorize?st"], now);
    shows(&mut light, &[], &["https://auth.example.com/authorize?state=1"], now + SETTLE / 2);
    assert_eq!(light.due(now + SETTLE), None);
    assert_eq!(light.due(now + 2 * SETTLE), url("https://auth.example.com/authorize?state=1"));
}

#[test]
fn a_link_to_elsewhere_is_none() {
    let (mut light, now) = (device(), Instant::now());
    shows(&mut light, &["code: ABCD-1234"], &["https://evil.example/device"], now);
    assert!(light.asked("https://evil.example/device", now).is_err());
    assert_eq!(light.due(now + PRINTED_GRACE), None);
}
