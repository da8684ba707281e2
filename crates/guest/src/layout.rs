//! Where things are in the machine, and the environment of the programs that the agent starts.
//!
//! The image's recipe and this file agree on these paths. Nothing here reads a file or the environment.

use std::{collections::BTreeMap, path::PathBuf};

/// Variables that make CLIs believe that nobody can see a browser here. They stay unset whatever the
/// operator's configuration brings; a provider's file may still set them for its own CLI.
const MISLEADING: [&str; 6] = ["CI", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "DEBIAN_FRONTEND", "NO_BROWSER"];
/// Tells the shim where the agent listens.
pub const OPEN_SOCKET_VARIABLE: &str = "ANTEROOM_OPEN_SOCKET";

/// Programs and directories of a machine.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The home directory.
    pub home: PathBuf,
    /// For sockets; made by the agent, or the desktop's keeper, with mode 0700.
    pub runtime_directory: PathBuf,
    /// What stands in front of the real `xdg-open` and its relatives.
    pub shims: PathBuf,
    /// The rest of the PATH.
    pub path: String,
    /// The X server and its first arguments.
    pub x_server: Vec<String>,
    /// The display's number; `None` lets the X server choose a free one.
    pub display: Option<u16>,
    /// The window manager and its arguments.
    pub window_manager: Vec<String>,
    /// The browser and its first arguments.
    pub browser: Vec<String>,
    /// What the browser shows before there is a sign-in URL.
    pub start_page: String,
}

impl Layout {
    /// The layout of the guest image.
    #[must_use]
    pub fn of_image() -> Self {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        Self {
            home: "/home/user".into(),
            runtime_directory: "/tmp/.anteroom".into(),
            shims: "/opt/anteroom/shims".into(),
            path: "/opt/anteroom/bin:/usr/local/bin:/usr/bin:/bin".to_owned(),
            x_server: words("/usr/bin/Xvfb"),
            // A machine has its own file system and network, so that nobody else can have taken it.
            display: Some(0),
            window_manager: words("/usr/bin/openbox --config-file /opt/anteroom/desktop/openbox.xml"),
            // Debian's wrapper script costs a dozen forks and brings switches that are wrong here (remote
            // extensions, GPU rasterisation), so the program itself is started.
            browser: words("/usr/lib/chromium/chromium"),
            start_page: "file:///opt/anteroom/desktop/start.html".to_owned(),
        }
    }

    /// Where the shims find the agent.
    #[must_use]
    pub fn open_socket(&self) -> PathBuf {
        self.runtime_directory.join("open.sock")
    }

    /// Where the agent finds the keeper of a desktop that is up already.
    #[must_use]
    pub fn desktop_socket(&self) -> PathBuf {
        self.runtime_directory.join("desktop.sock")
    }
}

/// The environment of the desktop's programs: the machine's, and the display.
#[must_use]
pub fn desktop_environment(layout: &Layout, machine: &[(String, String)], display: &str) -> BTreeMap<String, String> {
    let mut environment = machine_environment(layout, machine);
    environment.insert("DISPLAY".to_owned(), display.to_owned());
    environment
}

/// The environment of every program: what the machine brings, then what the agent knows better.
#[must_use]
pub fn machine_environment(layout: &Layout, machine: &[(String, String)]) -> BTreeMap<String, String> {
    let mut environment: BTreeMap<String, String> =
        machine.iter().filter(|(name, _)| !MISLEADING.contains(&name.as_str())).cloned().collect();
    let shim = layout.shims.join("xdg-open").display().to_string();
    for (name, value) in [
        ("HOME", layout.home.display().to_string()),
        ("USER", "user".to_owned()),
        ("LOGNAME", "user".to_owned()),
        ("SHELL", "/bin/sh".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("PATH", format!("{}:{}", layout.shims.display(), layout.path)),
        ("XDG_RUNTIME_DIR", layout.runtime_directory.display().to_string()),
        ("BROWSER", shim.clone()),
        ("GH_BROWSER", shim),
        (OPEN_SOCKET_VARIABLE, layout.open_socket().display().to_string()),
    ] {
        environment.insert(name.to_owned(), value);
    }
    environment
}

/// The environment of the CLI: the desktop's, or the machine's where there is none, its terminal, and what the provider's file
/// asks for.
#[must_use]
pub fn cli_environment(
    layout: &Layout,
    around: &BTreeMap<String, String>,
    own: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut environment = around.clone();
    environment.insert("TERM".to_owned(), "xterm-256color".to_owned());
    environment.insert("COLORTERM".to_owned(), "truecolor".to_owned());
    let home = layout.home.display().to_string();
    environment.extend(own.iter().map(|(name, value)| (name.clone(), value.replace("{home}", &home))));
    environment
}

#[cfg(test)]
impl Layout {
    /// The image's files out of the repository, the host's programs, and a home of the test's own.
    pub(crate) fn of_test(directory: &std::path::Path) -> Self {
        let image =
            std::env::current_dir().expect("cargo starts tests in their crate").join("../../image/files/opt/anteroom");
        let image = image.to_str().expect("a path that is text");
        let home = directory.join("home");
        std::fs::create_dir_all(&home).expect("a home directory for the test");
        let mut browser = vec!["/usr/lib/chromium/chromium".to_owned()];
        if rustix::process::getuid().is_root() {
            // Chromium refuses root otherwise; in a machine nothing runs as root.
            browser.push("--no-sandbox".to_owned());
        }
        Self {
            home,
            runtime_directory: directory.join("runtime"),
            display: None,
            window_manager: vec![
                "/usr/bin/openbox".to_owned(),
                "--config-file".to_owned(),
                format!("{image}/desktop/openbox.xml"),
            ],
            browser,
            start_page: format!("file://{image}/desktop/start.html"),
            ..Self::of_image()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(environment: &[(&str, &str)]) -> BTreeMap<String, String> {
        environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn every_way_to_a_browser_leads_to_the_shim() {
        let environment = desktop_environment(&Layout::of_image(), &[], ":0");
        assert_eq!(environment["BROWSER"], "/opt/anteroom/shims/xdg-open");
        assert_eq!(environment["GH_BROWSER"], "/opt/anteroom/shims/xdg-open");
        assert!(environment["PATH"].starts_with("/opt/anteroom/shims:"));
        assert_eq!(environment["DISPLAY"], ":0");
    }

    #[test]
    fn what_hides_the_browser_from_clis_is_not_passed_on() {
        let machine: Vec<_> = MISLEADING.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect();
        let environment = desktop_environment(&Layout::of_image(), &machine, ":0");
        assert!(MISLEADING.iter().all(|name| !environment.contains_key(*name)));
    }

    #[test]
    fn the_machines_environment_reaches_the_cli_and_the_providers_comes_last() {
        let machine = [("HTTPS_PROXY".to_owned(), "http://10.0.0.1:3128".to_owned()), ("A".to_owned(), "1".to_owned())];
        let layout = Layout::of_image();
        let desktop = desktop_environment(&layout, &machine, ":0");
        let environment = cli_environment(&layout, &desktop, &own(&[("A", "2"), ("CODEX_HOME", "{home}/.codex")]));
        assert_eq!(environment["HTTPS_PROXY"], "http://10.0.0.1:3128");
        assert_eq!(environment["A"], "2");
        assert_eq!(environment["CODEX_HOME"], "/home/user/.codex");
    }
}
