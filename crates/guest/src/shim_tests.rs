use super::*;

async fn ask(arguments: &[&str], verdict: bool) -> (Result<(), OpenError>, Option<String>) {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("runtime").join("open.sock");
    let listener = listen(&socket).unwrap();
    let (sender, mut asked) = mpsc::channel(1);
    let server = tokio::spawn(serve(listener, sender));
    let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
    let client = tokio::task::spawn_blocking(move || open_url(&socket, &arguments));
    let agent = tokio::spawn(async move {
        let asked = asked.recv().await?;
        let _ = asked.reply.send(verdict);
        Some(asked.url)
    });
    let result = client.await.unwrap();
    server.abort();
    let heard = agent.await.unwrap();
    (result, heard)
}

#[tokio::test]
async fn a_url_reaches_the_agent_whole() {
    let url = format!("https://auth.example.com/authorize?state={}&x=%20'\"$(id)", "s".repeat(4000));
    let (result, heard) = ask(&["--new-window", &url], true).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(heard, Some(url));
}

#[tokio::test]
async fn a_refused_url_makes_the_browser_command_fail() {
    let (result, _) = ask(&["https://elsewhere.example/"], false).await;
    assert!(matches!(result, Err(OpenError::Refused)), "{result:?}");
}

#[tokio::test]
async fn a_url_above_the_limit_is_refused_and_not_heard() {
    let long = format!("https://auth.example.com/{}", "x".repeat(limits::MAX_URL_BYTES));
    let (result, heard) = ask(&[&long], true).await;
    assert!(result.is_err());
    assert_eq!(heard, None);
}

#[tokio::test]
async fn arguments_without_a_url_are_refused() {
    let (result, heard) = ask(&["--version"], true).await;
    assert!(matches!(result, Err(OpenError::NoUrl)), "{result:?}");
    assert_eq!(heard, None);
}

#[test]
fn only_text_of_bearable_length_is_a_message() {
    for (message, good) in [
        (b"https://a.example/".to_vec(), true),
        (Vec::new(), false),
        (b"https://a.example/\nhttps://b.example/".to_vec(), false),
        (b"https://a.example/\x1b[2J".to_vec(), false),
        (vec![0xff, 0xfe], false),
        (vec![b'a'; limits::MAX_URL_BYTES], true),
        (vec![b'a'; limits::MAX_URL_BYTES + 1], false),
    ] {
        assert_eq!(parse(message.clone()).is_some(), good, "{:?}", String::from_utf8_lossy(&message));
    }
}

#[test]
fn only_its_user_can_enter_the_sockets_directory() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("runtime").join("open.sock");
    let _listener = listen(&socket).unwrap();
    let mode = socket.parent().unwrap().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
