//! What every database must do, run on SQLite and, where
//! `ANTEROOM_TEST_DATABASE_URL` names one, on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod database;
mod device_tests;
mod fixtures;
mod notices;
mod opening;
mod operators;
mod pending;
mod rooms;
mod secrets;
mod visits;
mod wakes;
