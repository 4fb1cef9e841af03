use std::thread::sleep;
use std::time::{Duration, Instant};

/// What a test waits for happens soon on an idle machine; a busy one gets patience.
const PATIENCE: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(15);

/// Asks again and again until there is an answer.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        sleep(POLL);
    }
}

/// Watches for something that must not happen.
pub fn never_within(time: Duration, what: &str, mut happens: impl FnMut() -> bool) {
    let deadline = Instant::now() + time;
    while Instant::now() < deadline {
        assert!(!happens(), "{what}");
        sleep(POLL);
    }
}
