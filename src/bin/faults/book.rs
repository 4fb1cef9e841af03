//! Who has been sent what, and what was acknowledged: the account that the store is held to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::plan::{Lane, Plan, Way};
use crate::random::Random;

/// The sender was told that it is safe: by the service, or by the broker before it.
const TOLD: u8 = 1;
/// The service itself has acknowledged it.
const KEPT: u8 = 2;
const SENT: u8 = 4;

/// The parts into which a run's uplinks are divided.
pub const ALL: u64 = 10_000;

/// Uplinks within which the order is mixed.
const DISORDER: usize = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub uplinks: u64,
    pub sent: u64,
    pub repeated: u64,
    pub acknowledged: u64,
}

pub struct Book {
    pub plan: Plan,
    pages: Mutex<Pages>,
}

struct Pages {
    marks: Vec<u8>,
    lanes: BTreeMap<Lane, Queue>,
    /// Uplinks below this number may be sent.
    gate: u32,
    /// Grows when the broker dies: what it has acknowledged before may be gone with it.
    generation: u32,
    sent: BTreeMap<Way, (u64, u64)>,
}

#[derive(Default)]
struct Queue {
    next: u32,
    mixed: Vec<u32>,
    again: VecDeque<u32>,
}

impl Book {
    pub fn new(plan: Plan) -> Self {
        let uplinks = plan.uplinks as usize;
        let lanes = [Lane::Mosquitto, Lane::Listener, Lane::HttpOne, Lane::HttpMany];
        let pages = Pages {
            marks: vec![0; uplinks],
            lanes: lanes.map(|lane| (lane, Queue::default())).into(),
            gate: 0,
            generation: 0,
            sent: BTreeMap::new(),
        };
        Self { plan, pages: Mutex::new(pages) }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets so many of 10 000 uplinks be sent.
    pub fn open(&self, part: u64) {
        let gate = u64::from(self.plan.uplinks) * part.min(ALL) / ALL;
        let gate = u32::try_from(gate).unwrap_or(self.plan.uplinks);
        let mut pages = self.pages();
        pages.gate = gate.max(pages.gate);
    }

    /// Up to `most` uplinks to send now, those that need repeating first.
    pub fn take(&self, lane: Lane, most: usize) -> Vec<u32> {
        let mut pages = self.pages();
        let gate = pages.gate;
        let Some(queue) = pages.lanes.get_mut(&lane) else { return Vec::new() };
        let mut taken = Vec::new();
        while taken.len() < most {
            if let Some(number) = queue.again.pop_front().or_else(|| queue.mixed.pop()) {
                taken.push(number);
            } else {
                while queue.mixed.len() < DISORDER && queue.next < gate {
                    if self.plan.uplink(queue.next).lane == lane {
                        queue.mixed.push(queue.next);
                    }
                    queue.next += 1;
                }
                if queue.mixed.is_empty() {
                    break;
                }
                Random::new(self.plan.seed, u64::from(queue.next) << 32).shuffle(&mut queue.mixed);
            }
        }
        taken
    }

    /// Notes that an uplink goes out.
    pub fn sending(&self, number: u32) {
        let way = self.plan.uplink(number).way;
        let mut pages = self.pages();
        let repeated = pages.mark(number, SENT) & SENT != 0;
        let (sent, again) = pages.sent.entry(way).or_default();
        *sent += 1;
        *again += u64::from(repeated);
    }

    /// An uplink that is not acknowledged and has to go out again.
    pub fn give_back(&self, numbers: impl IntoIterator<Item = u32>) {
        let mut pages = self.pages();
        for number in numbers {
            let lane = self.plan.uplink(number).lane;
            if let Some(queue) = pages.lanes.get_mut(&lane) {
                queue.again.push_back(number);
            }
        }
    }

    /// The service has acknowledged it, to the sender or to the broker.
    pub fn kept(&self, number: u32) {
        self.pages().mark(number, KEPT);
    }

    /// The service has acknowledged it to the sender.
    pub fn told(&self, number: u32) {
        self.pages().mark(number, KEPT | TOLD);
    }

    /// The broker has acknowledged it. If it has died since, that is worth nothing.
    pub fn told_by_broker(&self, number: u32, generation: u32) {
        let mut pages = self.pages();
        if generation == pages.generation {
            pages.mark(number, TOLD);
        } else {
            pages.again(number);
        }
    }

    pub fn generation(&self) -> u32 {
        self.pages().generation
    }

    /// The broker was killed. What it had acknowledged and not yet handed over is repeated: it
    /// writes its queue to disk after it acknowledges, so that may be lost, and not by us.
    pub fn broker_died(&self) -> usize {
        let mut pages = self.pages();
        pages.generation += 1;
        let lost: Vec<u32> = (0..self.plan.uplinks)
            .zip(&pages.marks)
            .filter(|(_, marks)| **marks & TOLD != 0 && **marks & KEPT == 0)
            .map(|(number, _)| number)
            .collect();
        for &number in &lost {
            if let Some(marks) = pages.marks.get_mut(number as usize) {
                *marks &= !TOLD;
            }
            pages.again(number);
        }
        lost.len()
    }

    /// Whether the service has acknowledged an uplink.
    pub fn is_kept(&self, number: u32) -> bool {
        self.pages().marks.get(number as usize).is_some_and(|marks| marks & KEPT != 0)
    }

    /// Uplinks that the service has not acknowledged, and among them those that nobody has.
    pub fn open_accounts(&self) -> (Vec<u32>, usize) {
        let pages = self.pages();
        let open: Vec<u32> = (0..self.plan.uplinks)
            .zip(&pages.marks)
            .filter(|(_, marks)| **marks & KEPT == 0)
            .map(|(number, _)| number)
            .collect();
        let untold = pages.marks.iter().filter(|marks| **marks & (TOLD | KEPT) == 0).count();
        (open, untold)
    }

    pub fn kept_count(&self) -> u64 {
        self.pages().marks.iter().filter(|marks| **marks & KEPT != 0).count() as u64
    }

    pub fn tallies(&self) -> BTreeMap<Way, Tally> {
        let pages = self.pages();
        let mut tallies: BTreeMap<Way, Tally> = BTreeMap::new();
        for (number, marks) in (0..self.plan.uplinks).zip(&pages.marks) {
            let tally = tallies.entry(self.plan.uplink(number).way).or_default();
            tally.uplinks += 1;
            tally.acknowledged += u64::from(marks & KEPT != 0);
        }
        for (way, (sent, repeated)) in &pages.sent {
            let tally = tallies.entry(*way).or_default();
            (tally.sent, tally.repeated) = (*sent, *repeated);
        }
        tallies
    }
}

impl Pages {
    /// Returns the marks before.
    fn mark(&mut self, number: u32, mark: u8) -> u8 {
        let Some(marks) = self.marks.get_mut(number as usize) else { return 0 };
        std::mem::replace(marks, *marks | mark)
    }

    fn again(&mut self, number: u32) {
        if let Some(queue) = self.lanes.get_mut(&Lane::Mosquitto) {
            queue.again.push_back(number);
        }
    }
}
