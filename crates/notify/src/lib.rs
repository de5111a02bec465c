//! Connection status to the EHR: what to say, how to sign it, when to try again.
