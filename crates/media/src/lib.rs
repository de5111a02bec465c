//! The selective forwarding unit on str0m: rooms, seats, packets. Knows nothing of visits.
