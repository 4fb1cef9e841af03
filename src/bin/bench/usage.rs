//! What a process or a thread has used of the processor and of memory.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

/// What this process has used.
pub fn own_process() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// What this thread has used.
pub fn own_thread() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// What another process has used, with all threads that it has had.
pub fn of_process(id: u32) -> Result<Duration> {
    /// `USER_HZ`, in which the kernel tells it: one number on all machines we know.
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name may hold anything; what follows its last parenthesis does not.
    let (_, fields) = stat.rsplit_once(')').context("no /proc/<id>/stat as Linux has it")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u32>().ok();
    let ticks = next().zip(next()).map(|(user, system)| user + system);
    Ok(TICK * ticks.context("no times in /proc/<id>/stat")?)
}

/// What the pipeline's thread of another process has used, if it has one.
pub fn of_pipeline(id: u32) -> Result<Option<Duration>> {
    for task in fs::read_dir(format!("/proc/{id}/task"))? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.trim() == "pipeline" {
            let times = fs::read_to_string(task.join("schedstat"))?;
            let nanos = times.split(' ').next().context("no time in schedstat")?.parse()?;
            return Ok(Some(Duration::from_nanos(nanos)));
        }
    }
    Ok(None)
}

/// Bytes that another process has given to the disk.
pub fn written(id: u32) -> Result<u64> {
    let io = fs::read_to_string(format!("/proc/{id}/io"))?;
    let bytes = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok());
    bytes.context("no write_bytes in /proc/<id>/io")
}

/// Microseconds for each of so many.
pub fn micros_each(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}
