//! `shieldd`: configuration, bind, serve, drain.

use std::io::Write as _;
use std::process::ExitCode;

use shield_runtime::config::{self, Command};
use shield_runtime::{Server, Settings, Source};
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The configuration or the environment is wrong.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    // A panic's message may hold what a client has sent.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        say(&format!("shieldd: a defect at {place}; please report it"));
    }));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match config::read(&arguments, &config::environment()) {
        Ok(Command::Help) => print(&config::help()),
        Ok(Command::Version) => print(concat!("shieldd ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::PrintConfig(settings)) => print(&config::print(&settings)),
        Ok(Command::Run(settings)) => run(*settings),
        Err(error) => fail(&error.to_string()),
    }
}

fn run(settings: Settings) -> ExitCode {
    let output = match config::event_output(&settings) {
        Ok(output) => output,
        Err(error) => return fail(&error),
    };
    match shield_runtime::start(settings, Source::File, output) {
        Ok(server) => wait(server),
        Err(error) => fail(&error.to_string()),
    }
}

/// Serves until a signal says to stop.
fn wait(server: Server) -> ExitCode {
    let status = server.status();
    let addresses: Vec<_> = server.addresses().iter().map(ToString::to_string).collect();
    let admin = server.admin().map_or_else(|| "off".into(), |address| address.to_string());
    let digest = status.active.unwrap_or_default();
    say(&format!("shieldd: serving {digest} at {}, admin at {admin}", addresses.join(" ")));
    if let Some(error) = status.error {
        say(&format!("shieldd: {error}"));
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return fail("the system gives no runtime");
    };
    match runtime.block_on(signals(&server)) {
        Ok(()) => server.shutdown(),
        Err(error) => return fail(&error.to_string()),
    }
    say("shieldd: stopped");
    ExitCode::SUCCESS
}

/// SIGHUP loads again; SIGTERM and SIGINT end this.
async fn signals(server: &Server) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = hangup.recv() => match server.reload() {
                Ok(digest) => say(&format!("shieldd: serving {digest}")),
                Err(error) => say(&format!("shieldd: nothing changed: {error}")),
            },
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(text: &str) -> ExitCode {
    say(&format!("shieldd: {text}"));
    ExitCode::from(USAGE)
}

/// Tells the operator; nobody may be there to read it.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
