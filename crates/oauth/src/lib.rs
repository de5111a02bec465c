//! The SMART EHR launch: discovery, authorize, private-key JWT, key sets, id_token checks, backend-services tokens.
