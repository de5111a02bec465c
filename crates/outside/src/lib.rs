//! What the program takes from the world outside it: time, randomness and
//! HTTP, each behind a trait, with the stand-ins that tests use.
//!
//! Nothing else in the workspace asks the system for the time, draws random
//! bytes or opens an outgoing connection (`clippy.toml` says so), so that
//! tests move time, repeat randomness and see every request.

mod address_rules;
mod breaker;
mod clock;
mod guarded;
mod http_client;
mod network;
mod random;
mod reach;
mod real_http;
mod resolver;
pub mod testing;

pub use breaker::{BreakerOptions, CircuitOpen};
pub use clock::{Clock, SystemClock};
pub use guarded::{GuardOptions, Guarded};
pub use http_client::{HttpClient, HttpError, Limits, Request, Response};
pub use random::{Random, RandomExt, SystemRandom};
pub use real_http::{ClientIdentity, RealHttp, RealHttpError, RealHttpOptions};
