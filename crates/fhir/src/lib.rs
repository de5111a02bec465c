//! Reads Appointment, Encounter, Patient, Practitioner and RelatedPerson, and turns a launch context into one appointment and one CSN.
