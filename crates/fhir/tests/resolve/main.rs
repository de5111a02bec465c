//! Which visit a launch means: the order in which it is looked for, what is
//! asked of the server for it, and every reason to open none.
#![expect(clippy::unwrap_used, reason = "a test's own helpers may fail the test")]

mod several_visits;
mod support;
mod the_session_id;
mod what_is_logged;
mod when_the_server_fails;
mod where_it_is_looked_for;
mod who_comes_in;
mod who_is_kept_out;
