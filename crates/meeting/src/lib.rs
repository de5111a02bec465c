//! The MeetingBackend contract and its implementations.
