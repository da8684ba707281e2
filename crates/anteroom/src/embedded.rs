//! What is inside the program: the page as `web/` was built, and the files of `providers/`.

use anteroom_controller::ports::{Page, PageFile};
use rust_embed::Embed;

/// The built page. A program that was compiled before the page was built has none, and says so.
#[derive(Embed)]
#[folder = "../../web/dist/"]
#[allow_missing = true]
struct Built;

/// One TOML file for each provider.
#[derive(Embed)]
#[folder = "../../providers/"]
struct ProviderFiles;

/// The page's files.
pub(crate) struct EmbeddedPage;

impl Page for EmbeddedPage {
    fn file(&self, path: &str) -> Option<PageFile> {
        Built::get(path).map(|file| PageFile { bytes: file.data, media_type: media_type(path).to_owned() })
    }
}

/// Whether the page was built when the program was compiled.
pub(crate) fn has_page() -> bool {
    Built::get("index.html").is_some()
}

/// Name and text of each provider's file.
pub(crate) fn providers() -> impl Iterator<Item = (String, String)> {
    ProviderFiles::iter().filter(|name| name.ends_with(".toml")).filter_map(|name| {
        let file = ProviderFiles::get(&name)?;
        Some((name.into_owned(), String::from_utf8_lossy(&file.data).into_owned()))
    })
}

/// What Vite puts into a build.
fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
