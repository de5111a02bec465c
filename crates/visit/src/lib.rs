//! The domain: ids, roles, the visit and seat state machine, admittance and presence. No I/O and no clock of its own.
