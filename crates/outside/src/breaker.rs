use std::{collections::VecDeque, mem};

use jiff::{SignedDuration, Timestamp};

/// When a host counts as down, and how long it is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// So many failures in a row open the circuit.
    pub failures: usize,
    /// They must lie within this time.
    pub within: SignedDuration,
    /// How long nothing is sent; then one request tries whether the host is
    /// back.
    pub rest: SignedDuration,
}

impl Default for BreakerOptions {
    /// Five failures within a minute, five seconds of rest.
    fn default() -> Self {
        Self { failures: 5, within: SignedDuration::from_mins(1), rest: SignedDuration::from_secs(5) }
    }
}

/// The host was not asked: it failed to answer several times in a row, and
/// whoever comes next shall not wait for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not asked, since it failed to answer several times in a row; tried again in a few seconds")]
pub struct CircuitOpen;

/// A circuit breaker for one host. Knows no clock and sends nothing: it is
/// asked before a request and told afterwards.
#[derive(Debug)]
pub(crate) struct Breaker {
    options: BreakerOptions,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Requests go out; these failed since the last answer.
    Closed { failures: VecDeque<Timestamp> },
    /// Nothing goes out.
    Open { since: Timestamp },
    /// One request is out to see whether the host is back.
    Probing { open_since: Timestamp },
}

/// Leave to send one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    Ordinary,
    /// The one request that decides whether the circuit closes.
    Probe,
}

/// What a request showed about its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It answers, whatever it says.
    Answered,
    /// It does not answer.
    Failed,
    /// Nothing: the request was given up before it could tell.
    Unknown,
}

/// What an operator should hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Opened,
    Closed,
}

impl Breaker {
    pub(crate) fn new(options: BreakerOptions) -> Self {
        Self { options, state: State::Closed { failures: VecDeque::new() } }
    }

    /// Whether a request would be refused now.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), CircuitOpen> {
        match self.state {
            State::Closed { .. } => Ok(()),
            State::Open { since } if !lies_within(self.options.rest, since, now) => Ok(()),
            State::Open { .. } | State::Probing { .. } => Err(CircuitOpen),
        }
    }

    /// Leave to send a request, to be settled with what it showed.
    pub(crate) fn admit(&mut self, now: Timestamp) -> Result<Pass, CircuitOpen> {
        self.check(now)?;
        if let State::Open { since } = self.state {
            self.state = State::Probing { open_since: since };
            return Ok(Pass::Probe);
        }
        Ok(Pass::Ordinary)
    }

    /// Takes in what an admitted request showed.
    ///
    /// An answer closes the circuit even if it comes from a request sent
    /// before it opened; a late failure of such a request says nothing new.
    pub(crate) fn settle(&mut self, pass: Pass, verdict: Verdict, now: Timestamp) -> Option<Turn> {
        match (verdict, pass, &mut self.state) {
            (Verdict::Answered, _, state) => {
                let before = mem::replace(state, State::Closed { failures: VecDeque::new() });
                (!matches!(before, State::Closed { .. })).then_some(Turn::Closed)
            }
            (Verdict::Failed, _, State::Closed { failures }) => {
                failures.retain(|&failure| lies_within(self.options.within, failure, now));
                failures.push_back(now);
                (failures.len() >= self.options.failures).then(|| {
                    self.state = State::Open { since: now };
                    Turn::Opened
                })
            }
            (Verdict::Failed, Pass::Probe, _) => {
                self.state = State::Open { since: now };
                None
            }
            (Verdict::Unknown, Pass::Probe, &mut State::Probing { open_since }) => {
                self.state = State::Open { since: open_since };
                None
            }
            (Verdict::Failed | Verdict::Unknown, ..) => None,
        }
    }
}

/// Whether no more than `span` has gone by. Where the clock was set back, what
/// lies in its future counts as long past: better one request too many than a
/// host shut out for hours.
fn lies_within(span: SignedDuration, then: Timestamp, now: Timestamp) -> bool {
    let passed = now.duration_since(then);
    !passed.is_negative() && passed < span
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPTIONS: BreakerOptions = BreakerOptions {
        failures: 3,
        within: SignedDuration::from_secs(10),
        rest: SignedDuration::from_secs(5),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn fail(breaker: &mut Breaker, second: i64) -> Option<Turn> {
        let pass = breaker.admit(at(second)).unwrap();
        breaker.settle(pass, Verdict::Failed, at(second))
    }

    fn opened_at_zero() -> Breaker {
        let mut breaker = Breaker::new(OPTIONS);
        let turns = [(); 3].map(|()| fail(&mut breaker, 0));
        assert_eq!(turns, [None, None, Some(Turn::Opened)]);
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
        let mut breaker = Breaker::new(OPTIONS);
        for second in 0..6 {
            assert_eq!(fail(&mut breaker, second), None);
            if second % 2 == 1 {
                breaker.settle(Pass::Ordinary, Verdict::Answered, at(second));
            }
        }
        assert_eq!(opened_at_zero().admit(at(4)), Err(CircuitOpen));
    }

    #[test]
    fn failures_far_apart_do_not_open_it() {
        let mut breaker = Breaker::new(OPTIONS);
        for second in [0, 5, 10, 15, 20] {
            assert_eq!(fail(&mut breaker, second), None);
        }
        assert_eq!(fail(&mut breaker, 21), Some(Turn::Opened));
    }

    #[test]
    fn after_its_rest_one_request_probes_and_decides() {
        let mut breaker = opened_at_zero();
        assert_eq!(breaker.admit(at(5)), Ok(Pass::Probe));
        assert_eq!(breaker.admit(at(5)), Err(CircuitOpen));
        assert_eq!(breaker.settle(Pass::Probe, Verdict::Failed, at(6)), None);
        assert_eq!(breaker.admit(at(10)), Err(CircuitOpen));
        assert_eq!(breaker.admit(at(11)), Ok(Pass::Probe));
        assert_eq!(breaker.settle(Pass::Probe, Verdict::Answered, at(11)), Some(Turn::Closed));
        assert_eq!(breaker.admit(at(11)), Ok(Pass::Ordinary));
    }

    #[test]
    fn a_probe_that_was_given_up_makes_room_for_the_next() {
        let mut breaker = opened_at_zero();
        assert_eq!(breaker.admit(at(5)), Ok(Pass::Probe));
        assert_eq!(breaker.settle(Pass::Probe, Verdict::Unknown, at(5)), None);
        assert_eq!(breaker.admit(at(5)), Ok(Pass::Probe));
    }

    #[test]
    fn stragglers_cannot_prolong_the_rest_but_their_answer_ends_it() {
        let mut breaker = opened_at_zero();
        assert_eq!(breaker.settle(Pass::Ordinary, Verdict::Failed, at(4)), None);
        assert_eq!(breaker.admit(at(5)), Ok(Pass::Probe));
        assert_eq!(breaker.settle(Pass::Ordinary, Verdict::Failed, at(5)), None);
        assert_eq!(breaker.check(at(5)), Err(CircuitOpen), "the probe is still out");
        assert_eq!(breaker.settle(Pass::Ordinary, Verdict::Answered, at(5)), Some(Turn::Closed));
    }

    #[test]
    fn a_clock_set_back_shuts_nobody_out() {
        assert_eq!(opened_at_zero().admit(at(-3600)), Ok(Pass::Probe));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Wait(i64),
        Start,
        Finish(prop::sample::Index, Verdict),
    }

    fn step() -> impl Strategy<Value = Step> {
        let verdict = prop_oneof![
            1 => Just(Verdict::Answered), 4 => Just(Verdict::Failed), 1 => Just(Verdict::Unknown)
        ];
        prop_oneof![
            1 => (0_i64..8).prop_map(Step::Wait),
            3 => Just(Step::Start),
            3 => (any::<prop::sample::Index>(), verdict).prop_map(|(index, verdict)| Step::Finish(index, verdict)),
        ]
    }

    proptest! {
        /// Whatever happens: it opens only after the last of three failures
        /// without an answer between them, nothing goes out during the rest,
        /// and what goes out after it is one probe.
        #[test]
        fn it_keeps_its_promise(steps in prop::collection::vec(step(), 0..200)) {
            let mut breaker = Breaker::new(OPTIONS);
            let (mut second, mut out, mut failures_in_a_row) = (0, Vec::new(), 0);
            let mut opened: Option<i64> = None;
            for step in steps {
                match step {
                    Step::Wait(seconds) => second += seconds,
                    Step::Start => match (breaker.admit(at(second)), opened) {
                        (Ok(pass), None) => { prop_assert_eq!(pass, Pass::Ordinary); out.push(pass); }
                        (Ok(pass), Some(since)) => {
                            prop_assert_eq!(pass, Pass::Probe);
                            prop_assert!(second >= since + 5);
                            out.push(pass);
                        }
                        (Err(CircuitOpen), None) => prop_assert!(false, "refused while closed"),
                        (Err(CircuitOpen), Some(since)) => {
                            prop_assert!(second < since + 5 || out.contains(&Pass::Probe));
                        }
                    },
                    Step::Finish(index, verdict) if !out.is_empty() => {
                        let pass = out.swap_remove(index.index(out.len()));
                        match verdict {
                            Verdict::Answered => failures_in_a_row = 0,
                            Verdict::Failed => failures_in_a_row += 1,
                            Verdict::Unknown => {}
                        }
                        match breaker.settle(pass, verdict, at(second)) {
                            Some(Turn::Opened) => {
                                prop_assert!(opened.is_none() && failures_in_a_row >= 3);
                                opened = Some(second);
                            }
                            Some(Turn::Closed) => {
                                prop_assert!(opened.is_some() && verdict == Verdict::Answered);
                                opened = None;
                            }
                            None if pass == Pass::Probe && verdict == Verdict::Failed && opened.is_some() => {
                                opened = Some(second);
                            }
                            None => {}
                        }
                    }
                    Step::Finish(..) => {}
                }
            }
        }
    }
}
