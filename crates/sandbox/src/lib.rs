//! A simulated EHR for demo, development and tests: authorization server, FHIR R4, schedule and portal pages, status endpoint.
