use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;

pub use crate::support::Reply;
use crate::support::{Request, serve_posts};

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
        let shared = Arc::new(Mutex::new(Shared { rule: Box::new(rule), posts: Vec::new() }));
        let kept = Arc::clone(&shared);
        let addr = serve_posts(move |request| kept.lock().unwrap().take(request));
        Self { addr, shared }
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

impl Shared {
    fn take(&mut self, request: Request) -> Reply {
        let Request { target, headers, body, at } = request;
        let body = String::from_utf8(body).unwrap();
        let mut post = Post { target, headers, body, at, was_accepted: false };
        let reply = (self.rule)(&post);
        post.was_accepted = reply == Reply::Accept;
        self.posts.push(post);
        reply
    }
}
