use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use serde_json::Value;

/// What the server is to do with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Accept,
    Refuse(u16),
    /// With a further header line.
    RefuseWith(u16, &'static str),
    /// Never says anything.
    Silence,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Post {
    pub target: String,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub at: Instant,
    pub was_accepted: bool,
}

impl Post {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn id(&self) -> &str {
        &self.headers["stadspuls-id"]
    }
}

type Rule = Box<dyn FnMut(&Post) -> Reply + Send>;

struct Shared {
    rule: Rule,
    posts: Vec<Post>,
}

/// A server that keeps what it is sent and answers as its rule says.
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

impl Server {
    pub fn start(rule: impl FnMut(&Post) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared { rule: Box::new(rule), posts: Vec::new() }));
        let server = Self { addr, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &shared));
            }
        });
        server
    }

    pub fn accepting() -> Self {
        Self::start(|_| Reply::Accept)
    }

    /// Gives these answers, and accepts when there are no more.
    pub fn answering(replies: &[Reply]) -> Self {
        let mut replies: Vec<Reply> = replies.iter().rev().cloned().collect();
        Self::start(move |_| replies.pop().unwrap_or(Reply::Accept))
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?a=b", self.addr)
    }

    pub fn answers(&self, rule: impl FnMut(&Post) -> Reply + Send + 'static) {
        self.shared.lock().unwrap().rule = Box::new(rule);
    }

    pub fn posts(&self) -> Vec<Post> {
        self.shared.lock().unwrap().posts.clone()
    }

    pub fn accepted(&self) -> Vec<Post> {
        self.posts().into_iter().filter(|post| post.was_accepted).collect()
    }
}

/// Takes requests on a connection, one after the other.
fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(mut post) = request(&mut reader) {
        let reply = {
            let mut shared = shared.lock().unwrap();
            let reply = (shared.rule)(&post);
            post.was_accepted = reply == Reply::Accept;
            shared.posts.push(post);
            reply
        };
        let answer = match reply {
            Reply::Accept => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned(),
            Reply::Refuse(status) => {
                format!("HTTP/1.1 {status} No\r\ncontent-length: 2\r\n\r\nno")
            }
            Reply::RefuseWith(status, header) => {
                format!("HTTP/1.1 {status} No\r\n{header}\r\ncontent-length: 0\r\n\r\n")
            }
            Reply::Silence => {
                // Until the other end gives up.
                let _read = reader.read(&mut [0]);
                return;
            }
        };
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn request(reader: &mut impl BufRead) -> Option<Post> {
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
    let body = String::from_utf8(body).unwrap();
    Some(Post { target, headers, body, at: Instant::now(), was_accepted: false })
}
