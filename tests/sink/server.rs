use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use flate2::read::GzDecoder;

/// What the server is to do with a request.
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
#[derive(Clone, Debug)]
pub struct Post {
    pub target: String,
    pub token: String,
    pub lines: Vec<String>,
    pub at: Instant,
}

type Rule = Box<dyn FnMut(&[String], &str) -> Reply + Send>;

/// A point's identity, measurement and tags, and its time.
type Identity = (String, i64);

struct Shared {
    rule: Rule,
    posts: Vec<Post>,
    points: BTreeMap<Identity, BTreeMap<String, f64>>,
}

/// A server that keeps points as InfluxDB does, a later one over an earlier of the same identity, and
/// answers as its rule says.
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

impl Server {
    pub fn start(rule: impl FnMut(&[String], &str) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let rule: Rule = Box::new(rule);
        let shared = Shared { rule, posts: Vec::new(), points: BTreeMap::new() };
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

    pub fn accepting() -> Self {
        Self::start(|_, _| Reply::Accept)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn answers(&self, rule: impl FnMut(&[String], &str) -> Reply + Send + 'static) {
        self.shared.lock().unwrap().rule = Box::new(rule);
    }

    pub fn posts(&self) -> Vec<Post> {
        self.shared.lock().unwrap().posts.clone()
    }

    pub fn forget(&self) {
        self.shared.lock().unwrap().points.clear();
    }

    /// The points of a measurement: tags, time, fields.
    pub fn points(&self, measurement: &str) -> Vec<(String, i64, BTreeMap<String, f64>)> {
        let shared = self.shared.lock().unwrap();
        let of = shared.points.iter().filter_map(|((series, time), fields)| {
            let (name, tags) = series.split_once(',')?;
            (name == measurement).then(|| (tags.to_owned(), *time, fields.clone()))
        });
        of.collect()
    }

    /// One field of the points of a measurement, in order of time.
    pub fn values(&self, measurement: &str, field: &str) -> Vec<f64> {
        let mut points = self.points(measurement);
        points.sort_by_key(|point| point.1);
        points.iter().filter_map(|point| point.2.get(field).copied()).collect()
    }
}

/// Takes requests on a connection, one after the other.
fn serve(stream: TcpStream, shared: &Mutex<Shared>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some((target, token, lines)) = request(&mut reader) {
        let reply = {
            let mut shared = shared.lock().unwrap();
            let reply = (shared.rule)(&lines, &token);
            if reply == Reply::Accept {
                for line in &lines {
                    let (identity, fields) = point(line);
                    shared.points.entry(identity).or_default().extend(fields);
                }
            }
            let at = Instant::now();
            shared.posts.push(Post { target, token, lines, at });
            reply
        };
        let answer = match reply {
            Reply::Accept => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
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
}

fn request(reader: &mut impl BufRead) -> Option<(String, String, Vec<String>)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|&bytes| bytes > 0)?;
    let target = first.split(' ').nth(1)?.to_owned();
    assert!(first.starts_with("POST "), "{first}");
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => value.clone_into(&mut token),
            "content-encoding" => assert_eq!(value, "gzip"),
            _ => {}
        }
    }
    let mut packed = vec![0; length];
    reader.read_exact(&mut packed).ok()?;
    let mut text = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    assert!(text.ends_with('\n'));
    Some((target, token, text.lines().map(str::to_owned).collect()))
}

/// Nothing that the tests write needs to be escaped.
fn point(line: &str) -> (Identity, BTreeMap<String, f64>) {
    let [series, fields, time] = line.split(' ').collect::<Vec<_>>()[..] else {
        panic!("no point: {line}")
    };
    let fields = fields.split(',').map(|field| {
        let (key, value) = field.split_once('=').unwrap();
        (key.to_owned(), value.parse().unwrap())
    });
    ((series.to_owned(), time.parse().unwrap()), fields.collect())
}
