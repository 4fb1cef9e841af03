use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::root;

const PATIENCE: Duration = Duration::from_secs(20);

/// A broker that ends with the test.
struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        // It has ended already where the test has failed.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn mosquitto_takes_its_configuration() {
    let dir = TempDir::new().unwrap();
    let here = format!("{}/", dir.path().display());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = fs::read_to_string(root().join("config/mosquitto.conf")).unwrap();
    for key in ["persistence true", "allow_anonymous false", "queue_qos0_messages true"] {
        assert!(text.lines().any(|line| line == key), "{key}");
    }
    let text = text
        .replace("/etc/mosquitto/", &here)
        .replace("/var/lib/mosquitto/", &here)
        .replace("listener 1883 ", &format!("listener {port} "));
    // It would become a user who may not see our folder.
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let path = dir.path().join("mosquitto.conf");
    fs::write(&path, format!("{text}\nuser {user}")).unwrap();
    fs::write(dir.path().join("passwords"), "").unwrap();
    fs::write(dir.path().join("acl"), "user stadspuls\ntopic read application/#\n").unwrap();

    let mut command = Command::new("mosquitto");
    let started = command.arg("-c").arg(&path).stderr(Stdio::inherit()).spawn();
    let mut broker = Broker(started.expect("mosquitto is installed; ./test does that"));
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert_eq!(broker.0.try_wait().unwrap(), None, "mosquitto has refused the file");
        assert!(Instant::now() < until, "mosquitto does not listen");
        thread::sleep(Duration::from_millis(20));
    }
}
