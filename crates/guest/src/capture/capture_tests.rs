use std::{fs, path::PathBuf};

use anteroom_protocol::provider::{CredentialFile, FileFormat};

use super::*;

const WHOLE: &str = r#"{"tokens":{"access":"aaa","refresh":"bbb"}}"#;
const NEWER: &str = r#"{"tokens":{"access":"ccc","refresh":"ddd"},"plan":"max"}"#;
const BLANK: &str = r#"{"tokens":{"access":"","refresh":""}}"#;
const HALF: &str = r#"{"tokens":{"access":"aa"#;

struct Trial {
    home: tempfile::TempDir,
    path: &'static str,
}

impl Trial {
    fn new(path: &'static str) -> Self {
        Self { home: tempfile::tempdir().unwrap(), path }
    }

    fn file(&self) -> PathBuf {
        self.home.path().join(self.path)
    }

    fn begin(&self) -> Capture {
        self.begin_settling(100)
    }

    fn begin_settling(&self, settle_ms: u32) -> Capture {
        let rules = CredentialRules {
            files: vec![CredentialFile {
                path: self.path.to_owned(),
                format: FileFormat::Json,
                not_blank: vec!["/tokens/access".to_owned(), "/tokens/refresh".to_owned()],
                optional: false,
                screen: None,
            }],
            settle_ms,
            rotates: true,
            account: None,
            freshness: None,
            expires: None,
            lifetime_days: None,
        };
        Capture::begin(self.home.path(), rules).unwrap()
    }

    /// As CLIs do: a temporary file, then a rename.
    fn replace(&self, content: &str) {
        write_and_rename(&self.file(), content);
    }
}

fn write_and_rename(file: &Path, content: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let temporary = file.with_extension("tmp.5a65");
    fs::write(&temporary, content).unwrap();
    fs::rename(&temporary, file).unwrap();
}

fn content(files: &Files) -> Vec<&str> {
    files.iter().map(|(_, bytes)| std::str::from_utf8(bytes).unwrap()).collect()
}

#[tokio::test]
async fn a_credential_in_directories_that_came_later_is_captured() {
    let trial = Trial::new(".config/.cli/config/auth.json");
    let capture = trial.begin();
    trial.replace(WHOLE);
    assert_eq!(content(&capture.finish().await.unwrap()), [WHOLE]);
}

#[tokio::test]
async fn of_several_renames_within_the_settling_time_the_last_is_captured() {
    let trial = Trial::new(".claude/auth.json");
    let capture = trial.begin_settling(1000);
    trial.replace(WHOLE);
    let file = trial.file();
    // Each comes before the settling time is over, and the last one later than it counts from the first.
    let later = tokio::spawn(async move {
        for content in [WHOLE, NEWER] {
            tokio::time::sleep(Duration::from_millis(600)).await;
            write_and_rename(&file, content);
        }
    });
    assert_eq!(content(&capture.finish().await.unwrap()), [NEWER]);
    later.await.unwrap();
}

#[tokio::test]
async fn a_half_written_blank_or_missing_credential_is_waited_for_until_it_is_whole() {
    for first in [Some(HALF), Some(BLANK), Some(""), None] {
        let trial = Trial::new(".cli/auth.json");
        let capture = trial.begin();
        if let Some(first) = first {
            trial.replace(first);
        }
        let finish = tokio::spawn(capture.finish());
        // Later than the settling time, so that the incomplete one was looked at.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!finish.is_finished(), "{first:?} was taken or given up");
        trial.replace(WHOLE);
        assert_eq!(content(&finish.await.unwrap().unwrap()), [WHOLE], "{first:?}");
    }
}

#[tokio::test]
async fn a_write_in_place_that_goes_on_is_captured_at_its_end() {
    use std::io::Write as _;
    let trial = Trial::new(".cli/auth.json");
    let capture = trial.begin();
    fs::create_dir_all(trial.file().parent().unwrap()).unwrap();
    let mut file = fs::File::create(trial.file()).unwrap();
    file.write_all(&WHOLE.as_bytes()[..20]).unwrap();
    let finish = tokio::spawn(capture.finish());
    tokio::time::sleep(Duration::from_millis(50)).await;
    file.write_all(&WHOLE.as_bytes()[20..]).unwrap();
    drop(file);
    assert_eq!(content(&finish.await.unwrap().unwrap()), [WHOLE]);
}

#[tokio::test]
async fn what_is_missing_or_blank_at_the_deadline_is_named() {
    let trial = Trial::new(".cli/auth.json");
    let error = trial.begin().finish().await.unwrap_err();
    assert_eq!(error.to_string(), ".cli/auth.json: is missing");
    let trial = Trial::new(".cli/auth.json");
    let capture = trial.begin();
    trial.replace(BLANK);
    let error = capture.finish().await.unwrap_err();
    assert_eq!(error.to_string(), ".cli/auth.json: /tokens/access is blank");
}

#[tokio::test]
async fn a_credential_from_before_the_cli_is_not_taken_for_its_own() {
    let trial = Trial::new(".cli/auth.json");
    trial.replace(WHOLE);
    let error = trial.begin().finish().await.unwrap_err();
    assert!(matches!(error, CaptureError::Unchanged), "{error}");
}

#[tokio::test]
async fn files_that_never_settle_are_not_taken() {
    let trial = Trial::new(".cli/auth.json");
    let capture = trial.begin_settling(1000);
    let file = trial.file();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        while stopped.recv_timeout(Duration::from_millis(50)).is_err() {
            write_and_rename(&file, WHOLE);
        }
    });
    let error = capture.finish().await.unwrap_err();
    stop.send(()).unwrap();
    writer.join().unwrap();
    assert!(matches!(error, CaptureError::Unsettled { .. }), "{error}");
}

#[tokio::test]
async fn a_file_above_the_limit_is_refused_without_being_held() {
    let trial = Trial::new("auth.json");
    let capture = trial.begin();
    fs::File::create(trial.file()).unwrap().set_len(1 << 34).unwrap();
    assert!(matches!(capture.finish().await.unwrap_err(), CaptureError::Incomplete(_)));
}

#[tokio::test]
async fn a_link_or_a_pipe_in_the_place_of_a_credential_is_not_read() {
    let elsewhere = tempfile::tempdir().unwrap();
    let whole = elsewhere.path().join("auth.json");
    fs::write(&whole, WHOLE).unwrap();
    let refused = async |capture: Capture| capture.finish().await.unwrap_err().to_string();

    let trial = Trial::new(".cli/auth.json");
    let capture = trial.begin();
    fs::create_dir(trial.home.path().join(".cli")).unwrap();
    std::os::unix::fs::symlink(&whole, trial.file()).unwrap();
    assert_eq!(refused(capture).await, ".cli/auth.json could not be read: it is a link, or behind one");

    let trial = Trial::new(".cli/auth.json");
    let capture = trial.begin();
    std::os::unix::fs::symlink(elsewhere.path(), trial.home.path().join(".cli")).unwrap();
    assert_eq!(refused(capture).await, ".cli/auth.json could not be read: it is a link, or behind one");

    let trial = Trial::new("auth.json");
    let capture = trial.begin();
    rustix::fs::mknodat(rustix::fs::CWD, trial.file(), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
    assert_eq!(refused(capture).await, "auth.json could not be read: it is no regular file");
}
