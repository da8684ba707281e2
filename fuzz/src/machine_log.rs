//! What the controller keeps of a machine's log. The pure file is taken in by its path: its crate would bring all of the
//! controller along.

#[path = "../../crates/controller/src/mask.rs"]
mod mask;

/// No log of a machine is one.
const PLANTED: &str = "bm90IHJlYWxseSBhIHNlY3JldA";

/// Nothing that plays with a terminal, no line more, and a secret is masked whatever comes before it.
pub fn masked(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let masked = mask::mask(&text);
    assert!(masked.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
    assert!(masked.lines().count() <= text.lines().count());
    let planted = format!("{text}\nAuthorization: Bearer {PLANTED}\nGET /cb?code={PLANTED}&state=x\n{PLANTED}\n");
    assert!(text.contains(PLANTED) || !mask::mask(&planted).contains(PLANTED));
}
