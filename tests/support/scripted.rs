//! Servers that say what a test wants.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// Gives each connection to an address of its own to a thread of its own.
pub fn serve(work: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let work = Arc::new(work);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let work = Arc::clone(&work);
            thread::spawn(move || work(stream));
        }
    });
    addr
}

/// What is to be done with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Accept,
    Refuse(u16, &'static str),
    /// With a further header line.
    RefuseWith(u16, &'static str),
    /// Never says anything.
    Silence,
    /// Begins to answer and closes the connection.
    CutOff,
}

/// A request as it came.
pub struct Request {
    pub target: String,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub at: Instant,
}

/// Takes what is posted, and does with it what `reply` says.
pub fn serve_posts(reply: impl Fn(Request) -> Reply + Send + Sync + 'static) -> SocketAddr {
    serve(move |mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(request) = request(&mut reader) {
            let answer = match reply(request) {
                Reply::Accept => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned(),
                Reply::Refuse(status, says) => {
                    format!("HTTP/1.1 {status} No\r\ncontent-length: {}\r\n\r\n{says}", says.len())
                }
                Reply::RefuseWith(status, header) => {
                    format!("HTTP/1.1 {status} No\r\n{header}\r\ncontent-length: 0\r\n\r\n")
                }
                Reply::Silence => {
                    // Until the other end gives up.
                    let _read = reader.read(&mut [0]);
                    return;
                }
                Reply::CutOff => {
                    let begun = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
                    let _written = stream.write_all(begun.as_bytes());
                    return;
                }
            };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

fn request(reader: &mut impl BufRead) -> Option<Request> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|&bytes| bytes > 0)?;
    assert!(first.starts_with("POST "), "{first}");
    let target = first.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    Some(Request { target, headers, body, at: Instant::now() })
}
