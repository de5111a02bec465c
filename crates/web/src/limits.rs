//! How often strangers may knock: at launches and callbacks, at the
//! operators' sign-in, at connection checks, at links.
//!
//! Counted by address and, for launches, by EHR connection. A hospital may
//! stand behind one address, so the bounds on launches are wide; they keep a
//! runaway script from everybody else, not a person from their visit.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{
    Quota, RateLimiter, clock::Clock as GovernorClock, middleware::NoOpMiddleware, nanos::Nanos,
    state::keyed::HashMapStateStore,
};
use outside::Clock;
use visit::EhrId;

use crate::{
    address,
    problem::{Problem, Trouble},
    state::AppState,
};

/// Forgotten keys are swept out when so many are held.
const SWEEP_AT: usize = 20_000;

/// A door that strangers knock at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Launch addresses and callbacks.
    Launch,
    /// The operators' sign-in.
    SignIn,
    /// Connection checks of the device test.
    Check,
    /// Direct and encrypted links.
    Guest,
}

/// The limits at all doors.
pub(crate) struct Limits {
    launches: Limit<IpAddr>,
    launches_of_ehr: Limit<EhrId>,
    sign_ins: Limit<IpAddr>,
    checks: Limit<IpAddr>,
    guests: Limit<IpAddr>,
}

impl Limits {
    /// Limits that go by this clock.
    pub(crate) fn new(clock: &Arc<dyn Clock>) -> Self {
        let per_minute = |count: NonZeroU32, burst: NonZeroU32| Quota::per_minute(count).allow_burst(burst);
        Self {
            launches: Limit::new(per_minute(n(600), n(200)), clock),
            launches_of_ehr: Limit::new(per_minute(n(6000), n(2000)), clock),
            sign_ins: Limit::new(per_minute(n(6), n(10)), clock),
            checks: Limit::new(per_minute(n(30), n(20)), clock),
            guests: Limit::new(per_minute(n(60), n(60)), clock),
        }
    }

    /// Whether this address may come through the door now; else how long to
    /// wait.
    fn knock(&self, door: Door, address: IpAddr) -> Result<(), Duration> {
        let limit = match door {
            Door::Launch => &self.launches,
            Door::SignIn => &self.sign_ins,
            Door::Check => &self.checks,
            Door::Guest => &self.guests,
        };
        limit.knock(&network_of(address))
    }

    /// Whether one more launch of this EHR connection may begin now.
    pub(crate) fn launch_of(&self, ehr: &EhrId) -> Result<(), Problem> {
        self.launches_of_ehr.knock(ehr).map_err(Problem::TooMany)
    }
}

/// Lets a request through its door, or answers when to come again.
pub(crate) async fn at(
    State((state, door)): State<(AppState, Door)>,
    request: Request,
    next: Next,
) -> Response {
    match state.limits.knock(door, address::of_browser(&state, &request)) {
        Ok(()) => next.run(request).await,
        Err(wait) => Trouble::from(Problem::TooMany(wait)).into_response(),
    }
}

/// A person may have a whole IPv6 /64 to themselves.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

const fn n(count: u32) -> NonZeroU32 {
    match NonZeroU32::new(count) {
        Some(count) => count,
        None => NonZeroU32::MIN,
    }
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, OurClock, NoOpMiddleware<Nanos>>;

struct Limit<K: Hash + Eq + Clone>(Limiter<K>);

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(quota: Quota, clock: &Arc<dyn Clock>) -> Self {
        Self(RateLimiter::new(quota, HashMapStateStore::default(), OurClock(Arc::clone(clock))))
    }

    fn knock(&self, key: &K) -> Result<(), Duration> {
        if self.0.len() > SWEEP_AT {
            self.0.retain_recent();
        }
        let now = OurClock::now(self.0.clock());
        self.0.check_key(key).map_err(|refused| refused.wait_time_from(now))
    }
}

/// The program's clock, as governor wants it.
#[derive(Clone)]
struct OurClock(Arc<dyn Clock>);

impl GovernorClock for OurClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let nanoseconds = self.0.now().as_nanosecond();
        Nanos::from(u64::try_from(nanoseconds).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use outside::testing::TestClock;

    use super::*;

    #[test]
    fn a_door_closes_for_one_address_and_opens_again() {
        let clock = TestClock::at("2026-11-21T15:00:00Z");
        let limits = Limits::new(&(Arc::new(clock.clone()) as Arc<dyn Clock>));
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..10 {
            assert!(limits.knock(Door::SignIn, one).is_ok());
        }
        let wait = limits.knock(Door::SignIn, one).unwrap_err();
        assert!((1..=10).contains(&wait.as_secs().max(1)), "{wait:?}");
        assert!(limits.knock(Door::SignIn, other).is_ok());
        assert!(limits.knock(Door::Launch, one).is_ok());
        clock.advance(SignedDuration::from_secs(10));
        assert!(limits.knock(Door::SignIn, one).is_ok());
    }

    #[test]
    fn neighbours_in_one_v6_network_are_one() {
        let same = ["2001:db8::1", "2001:db8::ffff:1"].map(|text| network_of(text.parse().unwrap()));
        assert_eq!(same[0], same[1]);
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(network_of(mapped).to_string(), "192.0.2.1");
    }
}
