use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

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

struct Shared {
    rule: Rule,
    mails: Vec<Mail>,
    commands: Vec<String>,
}

/// A mail server as small as RFC 5321 lets it be.
pub struct Smtp {
    pub addr: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

impl Smtp {
    pub fn start(rule: impl FnMut(&str) -> Option<&'static str> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let rule: Rule = Box::new(rule);
        let shared = Shared { rule, mails: Vec::new(), commands: Vec::new() };
        let shared = Arc::new(Mutex::new(shared));
        let server = Self { addr, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &shared));
            }
        });
        server
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.shared.lock().unwrap().mails.clone()
    }

    pub fn commands(&self) -> Vec<String> {
        self.shared.lock().unwrap().commands.clone()
    }
}

fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut say = |text: &str| stream.write_all(format!("{text}\r\n").as_bytes()).ok();
    let (mut from, mut to) = (String::new(), Vec::new());
    say("220 test ESMTP")?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&bytes| bytes > 0)?;
        let line = line.trim_end();
        let mut shared = shared.lock().unwrap();
        shared.commands.push(line.to_owned());
        let word = line.split([' ', ':']).next().unwrap();
        let address = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        if word != "DATA"
            && let Some(refusal) = (shared.rule)(line)
        {
            say(refusal)?;
            continue;
        }
        match word {
            "EHLO" => say("250-test\r\n250-AUTH PLAIN\r\n250 8BITMIME")?,
            "AUTH" => say("235 2.7.0 welcome")?,
            "MAIL" => {
                (from, to) = (address(), Vec::new());
                say("250 2.1.0 ok")?;
            }
            "RCPT" => {
                to.push(address());
                say("250 2.1.5 ok")?;
            }
            "DATA" => {
                say("354 go on")?;
                let text = data(&mut reader)?;
                if let Some(refusal) = (shared.rule)(line) {
                    say(refusal)?;
                } else {
                    shared.mails.push(Mail { from: from.clone(), to: to.clone(), text });
                    say("250 2.0.0 taken as 4711")?;
                }
            }
            "QUIT" => {
                say("221 bye")?;
                return Some(());
            }
            _ => say("250 ok")?,
        }
    }
}

fn data(reader: &mut impl BufRead) -> Option<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&bytes| bytes > 0)?;
        if line == ".\r\n" {
            return Some(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
