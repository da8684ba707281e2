//! What the helper refuses, and what happens when one of the two is away.

mod lab;

use std::{io, time::Duration};

use anteroom_machined::Machined;
use anteroom_machines::{
    CreateError, Driver as _, Limits, Observed,
    fake::{Call, Fault},
    suite::Host as _,
};
use lab::{LIMITS, Lab, on_runtime, own_uid};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::timeout,
};

const DEADLINE: Duration = Duration::from_secs(10);

#[test]
fn a_controller_learns_who_the_helper_is() {
    on_runtime(async {
        let lab = Lab::new();
        let _helper = lab.helper();
        let client = lab.connect().await;
        assert_eq!(client.name(), lab.world.driver().name());
        assert_eq!(client.capabilities(), lab.world.driver().capabilities());
        assert_eq!(client.made_from(), "of clay");
        assert!(client.free_memory().is_some());
    });
}

/// Root may ask in any case, so that a thread of the test becomes somebody else. The file's mode is the first wall; the
/// second is looked at alone.
#[test]
fn another_user_is_refused_before_a_byte_of_theirs_is_read() {
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(own_uid(), 0, "only root can become somebody else; run this as root");
    on_runtime(async {
        let lab = Lab::new();
        let _helper = lab.helper_for(1, 2);
        let socket = lab.socket();
        for path in [&socket, socket.parent().unwrap()] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
        }
        let ask = |user| {
            let socket = socket.clone();
            tokio::task::spawn_blocking(move || std::thread::spawn(move || greeted_as(user, &socket)).join().unwrap())
        };
        let answer = timeout(DEADLINE, ask(2)).await.expect("in time").unwrap();
        assert!(answer.contains("user 2 may not ask"), "{answer:?}");
        let answer = timeout(DEADLINE, ask(1)).await.expect("in time").unwrap();
        assert!(answer.contains("of clay"), "{answer:?}");
    });
}

/// What the helper says to a hello of another user's. It ends with a thread that has no other task.
fn greeted_as(user: u32, socket: &std::path::Path) -> String {
    use std::io::{Read as _, Write as _};
    let user = rustix::thread::Uid::from_raw(user);
    rustix::thread::set_thread_res_uid(user, user, user).expect("root becomes anybody");
    let mut stream = std::os::unix::net::UnixStream::connect(socket).expect("the directory is open");
    let _ = stream.write_all(&framed(r#"{"hello":{"version":2}}"#));
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("the helper answers");
    let mut answer = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut answer).expect("the helper answers in full");
    String::from_utf8_lossy(&answer).into_owned()
}

fn framed(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat()
}

#[test]
fn the_socket_is_its_users_alone() {
    use std::os::unix::fs::MetadataExt as _;
    on_runtime(async {
        let lab = Lab::new();
        let helper = lab.helper();
        let file = std::fs::metadata(lab.socket()).unwrap();
        assert_eq!((file.mode() & 0o777, file.uid()), (0o600, own_uid()));
        helper.stop().await;
        assert!(!lab.socket().exists(), "the socket is left");
    });
}

#[test]
fn a_second_helper_on_one_socket_is_refused_and_a_dead_ones_is_replaced() {
    on_runtime(async {
        let lab = Lab::new();
        let helper = lab.helper();
        let error = anteroom_machined::Socket::bind(&lab.socket(), own_uid()).expect_err("a second one was let in");
        assert!(error.to_string().contains("another"), "{error}");
        helper.stop().await;
        // As after kill -9: the file is there, and nobody answers.
        drop(std::os::unix::net::UnixListener::bind(lab.socket()).unwrap());
        assert!(Machined::connect(&lab.socket()).await.is_err());
        let _helper = lab.helper();
        lab.connect().await;
    });
}

#[test]
fn more_than_the_helpers_own_limits_is_refused_and_makes_nothing() {
    on_runtime(async {
        let lab = Lab::new();
        let _helper = lab.helper();
        let client = lab.connect().await;
        let mut greedy = lab.spec();
        greedy.limits = Limits { memory_mb: LIMITS.memory_mb + 1, ..LIMITS };
        assert!(matches!(client.create(&greedy).await, Err(CreateError::Invalid { .. })));
        assert_eq!(client.list().await, Ok(vec![]));
    });
}

#[test]
fn one_machine_too_many_is_refused_also_while_another_is_being_made() {
    on_runtime(async {
        let lab = Lab::new();
        let _helper = lab.helper();
        let client = lab.connect().await;
        let [first, second, third] = [lab.spec(), lab.spec(), lab.spec()];
        lab.world.plan(Call::Create, Fault::Hangs);
        let making = client.create(&first);
        tokio::pin!(making);
        assert!(timeout(Duration::from_millis(50), &mut making).await.is_err());
        assert_eq!(client.create(&second).await, Ok(()));
        assert!(matches!(client.create(&third).await, Err(CreateError::Failed(_))), "two may be, and a third was made");
        // Making one of them anew is none more.
        assert_eq!(client.create(&second).await, Ok(()));
        client.destroy(&second.id).await.unwrap();
        assert_eq!(client.create(&third).await, Ok(()));
    });
}

#[test]
fn a_machines_end_is_not_told_because_the_helper_is_away() {
    on_runtime(async {
        let lab = Lab::new();
        let helper = lab.helper();
        let client = lab.connect().await;
        let spec = lab.spec();
        client.create(&spec).await.unwrap();
        let exited = client.exited(&spec.id);
        tokio::pin!(exited);
        assert!(timeout(Duration::from_millis(50), &mut exited).await.is_err());
        helper.stop().await;
        assert!(timeout(Duration::from_millis(50), &mut exited).await.is_err(), "its end was told");
        let error = client.inspect(&spec.id).await.expect_err("nobody is there to say");
        assert!(error.detail.contains("start `anteroom machined"), "{error}");
        let _helper = lab.helper();
        assert_eq!(client.inspect(&spec.id).await, Ok(Observed::Running));
        lab.world.end(&spec.id, "it crashed");
        assert_eq!(timeout(DEADLINE, exited).await.expect("in time"), "it crashed");
    });
}

#[test]
fn a_call_while_the_helper_is_started_anew_is_carried_out_by_the_next_one() {
    on_runtime(async {
        let lab = Lab::new();
        let helper = lab.helper();
        let client = lab.connect().await.with_patience(DEADLINE);
        let spec = lab.spec();
        lab.world.plan(Call::Create, Fault::Hangs);
        let create = client.create(&spec);
        tokio::pin!(create);
        assert!(timeout(Duration::from_millis(50), &mut create).await.is_err());
        helper.stop().await;
        assert!(timeout(Duration::from_millis(50), &mut create).await.is_err(), "a helper that goes is no failure");
        let _helper = lab.helper();
        assert_eq!(timeout(DEADLINE, create).await.expect("in time"), Ok(()));
        assert_eq!(client.inspect(&spec.id).await, Ok(Observed::Running));
    });
}

#[test]
fn a_controller_that_goes_leaves_no_call_behind() {
    on_runtime(async {
        let lab = Lab::new();
        let _helper = lab.helper();
        let client = lab.connect().await;
        let spec = lab.spec();
        lab.world.plan(Call::Create, Fault::Hangs);
        assert!(timeout(Duration::from_millis(50), client.create(&spec)).await.is_err());
        // While the first call is at work nobody else may make this machine; it ends with its connection.
        let again = async {
            loop {
                if client.create(&spec).await.is_ok() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, again).await.expect("the call that nobody waits for has ended");
    });
}

#[test]
fn errors_say_nothing_of_a_token() {
    on_runtime(async {
        let lab = Lab::new();
        let helper = lab.helper();
        let client = lab.connect().await;
        helper.stop().await;
        let error = client.create(&lab.spec()).await.expect_err("nobody is there").to_string();
        assert!(!error.contains("the machine's token"), "{error}");
    });
}

async fn say(lab: &Lab, bytes: &[u8]) -> io::Result<String> {
    let mut stream = UnixStream::connect(lab.socket()).await?;
    stream.write_all(bytes).await?;
    let answer = async {
        let mut answer = vec![0; stream.read_u32_le().await? as usize];
        stream.read_exact(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    timeout(DEADLINE, answer).await.expect("the helper answers in time")
}

#[test]
fn what_is_no_request_is_refused_and_the_next_one_is_served() {
    on_runtime(async {
        let lab = Lab::new();
        let _helper = lab.helper();
        for wrong in ["", "{", "null", "\"destroy-all\"", r#"{"destroy":"../../etc"}"#, r#"{"create":{"id":"x"}}"#] {
            let answer = say(&lab, &framed(wrong)).await.unwrap();
            assert!(answer.contains("refused"), "{wrong:?}: {answer:?}");
        }
        assert!(say(&lab, &[0xff; 64]).await.unwrap().contains("at most"));
        lab.connect().await;
    });
}
