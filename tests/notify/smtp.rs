use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use stadspuls::source::tls::{Identity, server_config};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::serve;

/// A mail that the server has taken.
#[derive(Clone, Debug)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    /// With its line ends as they are on the wire.
    pub text: String,
}

impl Mail {
    /// A header, unfolded.
    pub fn header(&self, name: &str) -> String {
        let (head, _) = self.text.split_once("\r\n\r\n").unwrap();
        let head = head.replace("\r\n ", " ");
        let prefix = format!("{name}: ");
        let line = head.lines().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap_or_else(|| panic!("no {name} in {head}")).to_owned()
    }

    /// What people read.
    pub fn body(&self) -> String {
        assert_eq!(self.header("Content-Transfer-Encoding"), "base64");
        let (_, body) = self.text.split_once("\r\n\r\n").unwrap();
        let body = BASE64_STANDARD.decode(body.replace("\r\n", "")).unwrap();
        String::from_utf8(body).unwrap()
    }
}

/// What is said to a command instead of yes; `DATA` is asked about when the mail has come.
type Rule = Box<dyn FnMut(&str) -> Option<&'static str> + Send>;

/// When a connection becomes one that nobody else can read.
#[derive(Clone)]
enum Security {
    Never,
    /// When the client asks for it by `STARTTLS`.
    Asked(Arc<ServerConfig>),
    /// From the first byte on.
    Always(Arc<ServerConfig>),
}

struct Shared {
    rule: Rule,
    security: Security,
    mails: Vec<Mail>,
    /// What clients have said in clear text, and what nobody else could read.
    plain: Vec<String>,
    secure: Vec<String>,
}

/// A mail server as small as RFC 5321 lets it be.
pub struct Smtp {
    pub addr: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

impl Smtp {
    pub fn start(rule: impl FnMut(&str) -> Option<&'static str> + Send + 'static) -> Self {
        let shared = Shared {
            rule: Box::new(rule),
            security: Security::Never,
            mails: Vec::new(),
            plain: Vec::new(),
            secure: Vec::new(),
        };
        let shared = Arc::new(Mutex::new(shared));
        let kept = Arc::clone(&shared);
        let addr = serve(move |stream| {
            // A client may go at any moment.
            Session::of(stream, &kept).and_then(|session| session.follow(&kept));
        });
        Self { addr, shared }
    }

    /// From now on offers `STARTTLS` with the certificate `server` of a folder.
    pub fn offers_tls(&self, dir: &Path, server: &str) {
        self.shared.lock().unwrap().security = Security::Asked(certified(dir, server));
    }

    /// From now on speaks TLS only.
    pub fn speaks_tls(&self, dir: &Path, server: &str) {
        self.shared.lock().unwrap().security = Security::Always(certified(dir, server));
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.shared.lock().unwrap().mails.clone()
    }

    /// All that has been said, however.
    pub fn commands(&self) -> Vec<String> {
        [self.plain(), self.secure()].concat()
    }

    pub fn plain(&self) -> Vec<String> {
        self.shared.lock().unwrap().plain.clone()
    }

    pub fn secure(&self) -> Vec<String> {
        self.shared.lock().unwrap().secure.clone()
    }
}

fn certified(dir: &Path, server: &str) -> Arc<ServerConfig> {
    let [certificate, key] = ["pem", "key"].map(|kind| dir.join(format!("{server}.{kind}")));
    server_config(&Identity { certificate, key }).unwrap()
}

trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

fn secured(stream: TcpStream, config: Arc<ServerConfig>) -> Box<dyn Wire> {
    let connection = ServerConnection::new(config).unwrap();
    Box::new(StreamOwned::new(connection, stream))
}

/// A client's connection.
struct Session {
    /// As long as it is in clear text: the same connection, to be secured.
    stream: Option<TcpStream>,
    wire: BufReader<Box<dyn Wire>>,
    from: String,
    to: Vec<String>,
}

impl Session {
    fn of(stream: TcpStream, shared: &Mutex<Shared>) -> Option<Self> {
        let security = shared.lock().unwrap().security.clone();
        let (stream, wire): (_, Box<dyn Wire>) = match security {
            Security::Always(config) => (None, secured(stream, config)),
            _ => (Some(stream.try_clone().ok()?), Box::new(stream)),
        };
        Some(Self { stream, wire: BufReader::new(wire), from: String::new(), to: Vec::new() })
    }

    fn say(&mut self, text: &str) -> Option<()> {
        self.wire.get_mut().write_all(format!("{text}\r\n").as_bytes()).ok()?;
        self.wire.get_mut().flush().ok()
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.wire.read_line(&mut line).ok().filter(|&bytes| bytes > 0)?;
        Some(line)
    }

    fn follow(mut self, shared: &Mutex<Shared>) -> Option<()> {
        self.say("220 test ESMTP")?;
        loop {
            let line = self.line()?;
            let line = line.trim_end();
            let mut shared = shared.lock().unwrap();
            let said = if self.stream.is_some() { &mut shared.plain } else { &mut shared.secure };
            said.push(line.to_owned());
            let word = line.split([' ', ':']).next().unwrap();
            if word != "DATA"
                && let Some(refusal) = (shared.rule)(line)
            {
                self.say(refusal)?;
                continue;
            }
            self.answer(word, line, &mut shared)?;
        }
    }

    fn answer(&mut self, word: &str, line: &str, shared: &mut Shared) -> Option<()> {
        let address = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        match word {
            "EHLO" => {
                let offers = matches!(shared.security, Security::Asked(_)) && self.stream.is_some();
                let offer = if offers { "250-STARTTLS\r\n" } else { "" };
                self.say(&format!("250-test\r\n{offer}250-AUTH PLAIN\r\n250 8BITMIME"))
            }
            "STARTTLS" => {
                let Security::Asked(config) = shared.security.clone() else {
                    return self.say("502 5.5.1 not here");
                };
                self.say("220 2.0.0 go ahead")?;
                self.wire = BufReader::new(secured(self.stream.take()?, config));
                Some(())
            }
            "AUTH" => self.say("235 2.7.0 welcome"),
            "MAIL" => {
                (self.from, self.to) = (address(), Vec::new());
                self.say("250 2.1.0 ok")
            }
            "RCPT" => {
                self.to.push(address());
                self.say("250 2.1.5 ok")
            }
            "DATA" => {
                self.say("354 go on")?;
                let text = self.data()?;
                if let Some(refusal) = (shared.rule)(line) {
                    return self.say(refusal);
                }
                shared.mails.push(Mail { from: self.from.clone(), to: self.to.clone(), text });
                self.say("250 2.0.0 taken as 4711")
            }
            "QUIT" => {
                self.say("221 bye")?;
                None
            }
            _ => self.say("250 ok"),
        }
    }

    fn data(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            let line = self.line()?;
            if line == ".\r\n" {
                return Some(text);
            }
            text.push_str(line.strip_prefix('.').unwrap_or(&line));
        }
    }
}
