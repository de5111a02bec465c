//! The repositories, one file for each aggregate, written once for both
//! databases.

mod audit_log;
mod device_tests;
mod guest_links;
mod housekeeping;
mod notice_row;
mod notices;
mod operators;
mod pending;
mod purge;
mod reseal;
mod rooms;
mod save;
mod seat_card;
mod tab_sessions;
mod visits;
