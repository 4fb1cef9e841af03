use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use super::process::{signal, wait_for_exit};
use super::wait::eventually;

/// A real broker in a folder of its own. Its sessions survive a stop, or else what it has saved.
pub struct Mosquitto {
    dir: tempfile::TempDir,
    addr: SocketAddr,
    child: Option<Child>,
}

impl Mosquitto {
    /// Lets everybody in and queues what comes.
    pub fn start() -> Self {
        Self::with("allow_anonymous true\n", |_| {})
    }

    /// With further settings, in which `{dir}` is the broker's folder, and files that they name.
    pub fn with(settings: &str, files: impl FnOnce(&std::path::Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        files(dir.path());
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let settings = settings.replace("{dir}", dir.path().to_str().unwrap());
        let folder = dir.path().display();
        // Started by root it would become a user who cannot read the folder.
        let config = format!(
            "user root\n\
             persistence true\n\
             persistence_location {folder}/\n\
             autosave_interval 3600\n\
             max_queued_messages 0\n\
             log_dest file {folder}/mosquitto.log\n\
             log_type all\n\
             listener {} 127.0.0.1\n\
             {settings}\n",
            addr.port()
        );
        Self::run(dir, addr, &config)
    }

    /// With a whole configuration that somebody else has written, for this address.
    pub fn as_configured(addr: SocketAddr, config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("mosquitto.log");
        let config = format!("{config}\nlog_dest file {}\n", log.display());
        Self::run(dir, addr, &config)
    }

    fn run(dir: tempfile::TempDir, addr: SocketAddr, config: &str) -> Self {
        fs::write(dir.path().join("mosquitto.conf"), config).unwrap();
        let mut broker = Self { dir, addr, child: None };
        broker.restart();
        broker
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("mosquitto.log")).unwrap_or_default()
    }

    /// Starts it again at the same address, with what it has saved.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "stop it first");
        let mut child = spawn(&self.path("mosquitto.conf"));
        eventually("mosquitto accepts connections", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("mosquitto ends with {status}:\n{}", self.log());
            }
            TcpStream::connect(self.addr).ok()
        });
        self.child = Some(child);
    }

    /// Lets it save its sessions and end.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        signal(&child, "TERM");
        wait_for_exit(&mut child);
    }

    /// Has it write its sessions to disk, as it does every now and then.
    pub fn save(&self) {
        let saved = || self.log().matches("Saving in-memory database").count();
        let before = saved();
        signal(self.child.as_ref().expect("it runs"), "USR1");
        eventually("mosquitto saves its sessions", || {
            (saved() > before && self.path("mosquitto.db").exists()).then_some(())
        });
    }

    /// Ends it as a power cut would.
    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Takes away what it has saved; it must not run.
    pub fn forget_everything(&self) {
        assert!(self.child.is_none(), "stop it first");
        fs::remove_file(self.path("mosquitto.db")).unwrap();
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().and_then(|()| child.wait()).map_or_else(drop, drop);
        }
    }
}

fn spawn(config: &std::path::Path) -> Child {
    // Debian puts it where only root looks.
    for program in ["mosquitto", "/usr/sbin/mosquitto"] {
        let started = Command::new(program)
            .arg("-c")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match started {
            Ok(child) => return child,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => panic!("cannot start {program}: {error}"),
        }
    }
    panic!("mosquitto is not installed: run ./test, which installs it and runs all tests");
}

/// A port below those that the system gives to outgoing connections, so that nobody takes it
/// while a broker is being restarted.
pub fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    eventually("a port is free", || {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (offset + next) % COUNT;
        TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(port)
    })
}
