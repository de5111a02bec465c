//! What the program takes from the world outside it: time, randomness and HTTP, each behind a trait, with the stand-ins that tests use.
