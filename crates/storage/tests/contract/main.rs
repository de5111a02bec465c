//! What every database must do, run on SQLite and, where
//! `ANTEROOM_TEST_DATABASE_URL` names one, on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod audit_log;
mod database;
mod device_tests;
mod fixtures;
mod guest_links;
mod housekeeping;
mod notices;
mod opening;
mod operators;
mod pending;
mod purge;
mod quiet;
mod rooms;
mod sealing_keys;
mod secrets;
mod visits;
mod wakes;
