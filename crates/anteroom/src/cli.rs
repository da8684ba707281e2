//! The commands. Each reads the configuration, makes the parts that it needs, does one thing, and says what it did.

use std::{error::Error, fs, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anteroom_controller::{COMMAND_LIFETIME_MS, LINK_LIFETIME_MS, MAX_TOKEN_DAYS, NewToken, Ports, ports::Clock as _};
use anteroom_protocol::{
    MachineId, ProviderId, Secret,
    access::{Scope, Scopes},
    provider::MethodKind,
};
use anteroom_store::Store;
use clap::{Parser, Subcommand, builder::TypedValueParser as _};

use crate::{
    client::Server,
    config::{Config, Flags, Log},
    connect, doctor,
    edge::{SystemClock, SystemEntropy},
    login, logs, machined, machines, mcp,
    new_provider::{self, NewProvider},
    providers, run, serve,
    user::User,
    vault, wiring,
};

/// Sign in to command-line tools in a disposable machine.
#[derive(Parser)]
#[command(name = "anteroom", version)]
struct Arguments {
    /// The configuration file, in place of /etc/anteroom/anteroom.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Database, vault key and lock.
    #[arg(long, global = true, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
    /// Becomes this user of the host, with their home, before anything is read. For root.
    #[arg(long, global = true, value_name = "NAME")]
    user: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the page, and prints a link that signs a browser in, once.
    Serve {
        /// Where: an address and a port; port 0 takes a free one.
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<SocketAddr>,
        /// The guest image, a directory tree.
        #[arg(long, value_name = "DIRECTORY")]
        image: Option<PathBuf>,
        /// The guest agent.
        #[arg(long, value_name = "FILE")]
        guest_binary: Option<PathBuf>,
    },
    /// Makes machines, as root, for a controller that runs as an ordinary user and asks on a unix socket.
    Machined {
        /// Who the controller runs as; root may ask in any case.
        #[arg(long = "for", value_name = "NAME")]
        client: Option<String>,
        /// Ends when its standard input does, as with a terminal that is closed.
        #[arg(long)]
        until_eof: bool,
    },
    /// Signs in to a command-line tool from here, in your own browser, and saves its credential on the server. It asks the server
    /// of `anteroom login`, or else the one that runs on this host.
    Connect {
        /// As `anteroom providers list` shows it.
        provider: ProviderId,
        /// How, where the tool has more than one way.
        #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(["device", "paste"]).map(|word| light(&word)))]
        method: Option<MethodKind>,
    },
    /// Runs a connected tool on a machine, from here: its terminal is this one, or its input, output and exit code are those of a
    /// program in a script. Asks the same server as `connect`.
    Run {
        /// As `anteroom providers list` shows it.
        provider: ProviderId,
        /// Stops a run that uses the credential now; what that has changed is saved first.
        #[arg(long)]
        take_over: bool,
        /// What is added to the tool's command.
        #[arg(last = true, value_name = "ARGUMENT")]
        arguments: Vec<String>,
    },
    /// Keeps which server `connect` and `run` ask, and the token that opens it. The token comes from the standard input.
    Login {
        /// Its address, such as https://anteroom.example.org.
        server: String,
    },
    /// Serves the Model Context Protocol on standard input and output, for agents. Asks the same server as `connect`.
    Mcp,
    /// Prints a new link that signs a browser in, once, within an hour.
    Link,
    /// Makes a personal token, which a program sends as bearer, and prints it. The page lists and revokes it.
    Token {
        /// What it is called.
        #[arg(long, default_value = "anteroom token")]
        name: String,
        /// What it opens: read, connect, run, manage; more than once for more than one. Everything without this.
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// How many days it works.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TOKEN_DAYS)))]
        days: u32,
    },
    /// The guest image.
    #[command(subcommand)]
    Image(Image),
    /// The keys that seal credentials.
    #[command(subcommand)]
    Vault(Vault),
    /// The machines of the server that runs: what there is, what failed ones wrote, stop, destroy.
    #[command(subcommand)]
    Machines(Machines),
    /// The files that describe providers.
    #[command(subcommand)]
    Providers(Providers),
    /// Looks at what sign-ins need on this host and on the way to it, and says what is wrong and what to do.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints the description of the API.
    Openapi,
}

#[derive(Subcommand)]
enum Image {
    /// Makes the image, unless its recipe has one already, and prints where it is.
    Build,
    /// Prints where the image is, or will be.
    Path,
}

#[derive(Subcommand)]
enum Providers {
    /// Lists those that can be connected: built in, and from `providers_dir`.
    List,
    /// Prints a file for a tool of your own, from its command and the file that it leaves.
    New(Box<NewProvider>),
    /// Looks at files of your own, and says what is wrong with each, by line and key.
    Check {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
enum Machines {
    /// Lists all that there are with what they use now, and those that failed lately.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints what a machine wrote, also one that failed lately.
    Logs {
        /// As `list` shows it.
        machine: MachineId,
    },
    /// Stops a machine: its sign-in ends.
    Stop {
        /// As `list` shows it.
        machine: MachineId,
    },
    /// Destroys a machine; of one that failed, forgets what it wrote.
    Destroy {
        /// As `list` shows it.
        machine: MachineId,
    },
}

#[derive(Subcommand)]
enum Vault {
    /// Says how many credentials each key wraps.
    Status,
    /// Makes a new key and wraps every credential by it. Not while `anteroom serve` runs.
    Rotate,
}

impl Command {
    /// Whether the log's filter of the configuration is meant for it. What another command says stands between what a person reads,
    /// or on a terminal that a tool draws on.
    fn is_long_lived(&self) -> bool {
        matches!(self, Self::Serve { .. } | Self::Machined { .. })
    }
}

/// Which log lines come from other commands.
const COMMAND_LOG_FILTER: &str = "error,anteroom=warn";

/// How long threads that are still at work may take at the end.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the access of `run` and `mcp` to the server of this host lasts: as long as a run that is used may.
const RUN_ACCESS_MS: i64 = 24 * 60 * 60 * 1000;

/// What any command may end with.
type Done = Result<(), Box<dyn Error>>;

/// Runs the command that the arguments name.
pub(crate) fn main(key: Option<Secret<String>>) -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments, key) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("anteroom: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments, key: Option<Secret<String>>) -> Done {
    let mut flags = Flags { data_dir: arguments.data_dir, ..Flags::default() };
    if let Command::Serve { listen, image, guest_binary } = &arguments.command {
        flags.listen = *listen;
        flags.image.clone_from(image);
        flags.guest_binary.clone_from(guest_binary);
    }
    if let Command::Openapi = arguments.command {
        print!("{}", anteroom_controller::http::openapi::text());
        return Ok(());
    }
    if let Command::Providers(Providers::Check { files }) = &arguments.command {
        return check_providers(files);
    }
    if let Command::Providers(Providers::New(wanted)) = &arguments.command {
        print!("{}", new_provider::text(wanted).map_err(|finding| format!("that makes no provider: {finding}"))?);
        return Ok(());
    }
    if let Command::Login { server } = &arguments.command {
        return log_in(server);
    }
    if let Some(name) = &arguments.user {
        // SAFETY: no other thread has been started.
        unsafe { User::named(name)?.become_for_good()? };
    }
    let client = if let Command::Machined { client: Some(name), .. } = &arguments.command {
        // SAFETY: no other thread has been started.
        Some(unsafe { User::named(name)? })
    } else {
        None
    };
    let config = Config::read(arguments.config.as_deref(), &flags)?;
    if arguments.command.is_long_lived() {
        logs::start(&config.log)?;
    } else {
        logs::start(&Log { filter: COMMAND_LOG_FILTER.to_owned(), ..config.log.clone() })?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Serve { .. } => Ok(serve::run(config, key).await?),
            Command::Machined { until_eof, .. } => Ok(machined::run(config, client, until_eof).await?),
            Command::Image(command) => image(&config, &command),
            Command::Link => link(&config).await,
            Command::Token { name, scopes, days } => token(&config, name, scopes, days).await,
            Command::Connect { provider, method } => connect(&config, &provider, method).await,
            Command::Run { provider, take_over, arguments } => run_tool(&config, &provider, arguments, take_over).await,
            Command::Mcp => mcp::serve(chosen_server(&config, RUN_ACCESS_MS).await?).await,
            Command::Providers(_) => list_providers(&config),
            Command::Machines(command) => machines(&config, &command).await,
            Command::Doctor { json } => doctor(&config, json).await,
            Command::Vault(Vault::Status) => vault_status(&config, key).await,
            Command::Vault(Vault::Rotate) => vault_rotate(&config, key).await,
            Command::Openapi | Command::Login { .. } => Ok(()),
        }
    });
    // What still runs in a thread is a driver's call that nobody waits for; the next start sees what became of it.
    runtime.shutdown_timeout(STOP_TIMEOUT);
    done
}

fn image(config: &Config, command: &Image) -> Done {
    let tree = match command {
        Image::Build => wiring::recipe(config)?.build(&config.cache_dir)?,
        Image::Path => wiring::image_tree(config)?,
    };
    println!("{}", tree.display());
    Ok(())
}

fn list_providers(config: &Config) -> Done {
    for provider in wiring::catalogue(config)?.iter() {
        let (package, version) = (provider.install.package(), &provider.install.version);
        println!("{:<16} {:<20} {package} {version}", provider.id.as_str(), provider.name);
    }
    Ok(())
}

fn check_providers(files: &[PathBuf]) -> Done {
    let mut wrong = 0;
    for file in files {
        let text = fs::read_to_string(file).map_err(|error| format!("reading {}: {error}", file.display()))?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        match providers::check(&name, &text) {
            Ok(provider) => println!("{}: {} is described well", file.display(), provider.name),
            Err(finding) => {
                wrong += 1;
                eprintln!("{}:{finding}", file.display());
            }
        }
    }
    if wrong == 0 { Ok(()) } else { Err(format!("{wrong} of {} files can't be used", files.len()).into()) }
}

async fn doctor(config: &Config, json: bool) -> Done {
    let findings = doctor::look(config).await;
    let (text, good) = doctor::report(&findings);
    if json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        print!("{text}");
    }
    if good { Ok(()) } else { Err("something is wrong; see ERROR above".into()) }
}

async fn link(config: &Config) -> Done {
    let store = wiring::store(config).await?;
    let link = access_ports(store).new_link().await?;
    println!("{}", serve::link(wiring::bound_address(config), &link));
    Ok(())
}

async fn token(config: &Config, name: String, scopes: Vec<Scope>, days: u32) -> Done {
    let store = wiring::store(config).await?;
    let scopes = if scopes.is_empty() { Scopes::all() } else { scopes.into_iter().collect() };
    let token = access_ports(store).new_token(NewToken { name, scopes, days }).await?;
    println!("{}", token.expose());
    Ok(())
}

/// The word of a method without a desktop.
fn light(word: &str) -> MethodKind {
    if word == "device" { MethodKind::Device } else { MethodKind::Paste }
}

fn log_in(server: &str) -> Done {
    let file = login::file()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(login::log_in(server, &file))?;
    println!("{server} is asked from now on; {} has the token", file.display());
    Ok(())
}

async fn connect(config: &Config, provider: &ProviderId, method: Option<MethodKind>) -> Done {
    let server = chosen_server(config, LINK_LIFETIME_MS).await?;
    println!("{}", connect::connect(&server, provider, method).await?);
    Ok(())
}

/// The exit code is the tool's.
async fn run_tool(config: &Config, provider: &ProviderId, arguments: Vec<String>, take_over: bool) -> Done {
    let server = chosen_server(config, RUN_ACCESS_MS).await?;
    let code = run::run(&server, provider, arguments, take_over).await?;
    // A thread still waits for the standard input, and nothing else is left to do.
    std::process::exit(code)
}

/// The server of `anteroom login`, or else the one that runs on this host.
async fn chosen_server(config: &Config, lifetime_ms: i64) -> Result<Server, Box<dyn Error>> {
    match login::server(&login::file()?)? {
        Some(server) => Ok(server),
        None => local_server(config, lifetime_ms).await,
    }
}

/// The server that runs on this host with this configuration, by an access of the command's own.
async fn local_server(config: &Config, lifetime_ms: i64) -> Result<Server, Box<dyn Error>> {
    let token = access_ports(wiring::store(config).await?).new_command_token(lifetime_ms).await?;
    let mut address = wiring::bound_address(config);
    // A listener on all addresses is reached on this host's own.
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Ok(Server::at(&format!("http://{address}"), token)?)
}

async fn machines(config: &Config, command: &Machines) -> Done {
    let server = &local_server(config, COMMAND_LIFETIME_MS).await?;
    match command {
        Machines::List { json: true } => println!("{}", serde_json::to_string_pretty(&machines::list(server).await?)?),
        Machines::List { json: false } => {
            print!("{}", machines::table(&machines::list(server).await?, SystemClock.now()));
        }
        Machines::Logs { machine } => print!("{}", machines::log(&machines::logs(server, machine).await?)),
        Machines::Stop { machine } => {
            machines::stop(server, machine).await?;
            println!("{machine} is being stopped");
        }
        Machines::Destroy { machine } => {
            machines::destroy(server, machine).await?;
            println!("{machine} is being destroyed, or what was kept of it is forgotten");
        }
    }
    Ok(())
}

fn access_ports(store: Arc<dyn Store>) -> Ports {
    Ports { store, clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
}

async fn vault_status(config: &Config, key: Option<Secret<String>>) -> Done {
    let store = wiring::store(config).await?;
    let ring = wiring::key_ring(&wiring::key_source(config, key), &*store).await?;
    for (id, credentials) in vault::status(&ring, &*store).await? {
        let current = if id == *ring.current().id() { "  current" } else { "" };
        println!("{id}  {credentials} credentials{current}");
    }
    Ok(())
}

async fn vault_rotate(config: &Config, key: Option<Secret<String>>) -> Done {
    let _lock = wiring::lock(config)?;
    let store = wiring::store(config).await?;
    let source = wiring::key_source(config, key);
    let ring = wiring::key_ring(&source, &*store).await?;
    let rotated = vault::rotate(&source, ring, &*store).await?;
    println!("{} is the current key; {} credentials are rewrapped", rotated.current, rotated.rewrapped);
    Ok(())
}
