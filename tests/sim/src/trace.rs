//! What happened, for people: the last events, all of them if asked for, and a sum over all by which two runs compare.

use std::collections::VecDeque;

/// How many events are kept.
const KEPT: usize = 400;

/// The trace of a run.
#[derive(Debug)]
pub struct Trace {
    last: VecDeque<String>,
    sum: u64,
    count: u64,
    prints: bool,
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

impl Trace {
    /// Nothing has happened. With `YAK_SIM_TRACE` set everything is printed as it happens.
    #[must_use]
    pub fn new() -> Self {
        let prints = std::env::var_os("YAK_SIM_TRACE").is_some();
        Self { last: VecDeque::new(), sum: 0xcbf2_9ce4_8422_2325, count: 0, prints }
    }

    /// Something happened.
    #[allow(clippy::print_stdout, reason = "that is what YAK_SIM_TRACE asks for")]
    pub fn note(&mut self, now_us: u64, what: impl FnOnce() -> String) {
        let line = format!("{:>10.3} ms  {}", now_us as f64 / 1_000.0, what());
        for byte in line.bytes() {
            self.sum = (self.sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        self.count += 1;
        if self.prints {
            println!("{line}");
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// Two runs with the same sum and count did the same.
    #[must_use]
    pub const fn sum(&self) -> (u64, u64) {
        (self.sum, self.count)
    }

    /// The last events.
    #[must_use]
    pub fn last(&self) -> String {
        self.last.iter().map(|line| format!("{line}\n")).collect()
    }
}
