//! The repositories, one file for each aggregate, written once for both
//! databases.

mod device_tests;
mod notice_row;
mod notices;
mod operators;
mod pending;
mod rooms;
mod save;
mod seat_card;
mod tab_sessions;
mod visits;
