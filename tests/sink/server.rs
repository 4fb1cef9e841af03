use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use flate2::read::GzDecoder;

pub use crate::support::Reply;
use crate::support::{Request, serve_posts};

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
        let rule: Rule = Box::new(rule);
        let shared = Shared { rule, posts: Vec::new(), points: BTreeMap::new() };
        let shared = Arc::new(Mutex::new(shared));
        let kept = Arc::clone(&shared);
        let addr = serve_posts(move |request| kept.lock().unwrap().take(&request));
        Self { addr, shared }
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

impl Shared {
    fn take(&mut self, request: &Request) -> Reply {
        let Request { target, headers, body, at } = request;
        assert_eq!(headers["content-encoding"], "gzip");
        let mut text = String::new();
        GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
        assert!(text.ends_with('\n'));
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let (target, token) = (target.clone(), headers["authorization"].clone());
        let reply = (self.rule)(&lines, &token);
        if reply == Reply::Accept {
            for line in &lines {
                let (identity, fields) = point(line);
                self.points.entry(identity).or_default().extend(fields);
            }
        }
        self.posts.push(Post { target, token, lines, at: *at });
        reply
    }
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
