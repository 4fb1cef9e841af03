use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use super::{Api, Home, eventually};

/// The service as an operator runs it: `stadspuls run` in a process of its own.
pub struct Process {
    pub api: Api,
    child: Child,
    log: Log,
    _home: Home,
}

type Log = Arc<Mutex<Vec<String>>>;

impl Process {
    pub fn start(home: &Home) -> Self {
        let (mut child, log) = spawn(home);
        let http = eventually("the service runs", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the service ends with {status}:\n{}", log.lock().unwrap().join("\n"));
            }
            logged(&log, |line| line["message"] == "running", "http")
        });
        Self { api: Api::at(http), child, log, _home: home.clone() }
    }

    pub fn listener(&self, name: &str) -> SocketAddr {
        eventually("the listener's address is logged", || {
            logged(&self.log, |line| line["source"] == name, "addr")
        })
    }

    /// All lines it has logged.
    pub fn log(&self) -> Vec<Value> {
        let lines = self.log.lock().unwrap();
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Ends it as a power cut would.
    pub fn kill9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as a service manager does.
    pub fn stop(mut self) {
        signal(&self.child, "TERM");
        let status = wait_for_exit(&mut self.child);
        assert!(status.success(), "it ends with {status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the service logged:\n{}", self.log.lock().unwrap().join("\n"));
        }
        self.child.kill().and_then(|()| self.child.wait()).map_or_else(drop, drop);
    }
}

/// What the service says when it cannot run, on standard error.
pub fn refusal(home: &Home) -> String {
    let (mut child, log) = spawn(home);
    let status = wait_for_exit(&mut child);
    assert!(!status.success(), "it ends with {status}");
    eventually("it says why", || {
        let text = log.lock().unwrap().join("\n");
        (!text.is_empty()).then_some(text)
    })
}

fn spawn(home: &Home) -> (Child, Log) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stadspuls"))
        .arg("run")
        .arg("--config")
        .arg(home.config())
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = Log::default();
    let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()).lines(), Arc::clone(&log));
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            kept.lock().unwrap().push(line);
        }
    });
    (child, log)
}

fn logged(log: &Log, is_wanted: impl Fn(&Value) -> bool, field: &str) -> Option<SocketAddr> {
    let lines = log.lock().unwrap();
    let mut lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.find_map(|line| line[field].as_str().filter(|_| is_wanted(&line))?.parse().ok())
}

/// Sends it a signal by its name.
pub fn signal(child: &Child, name: &str) {
    let sent =
        Command::new("kill").args(["-s", name]).arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
}

pub fn wait_for_exit(child: &mut Child) -> ExitStatus {
    eventually("the process ends", || child.try_wait().unwrap())
}
