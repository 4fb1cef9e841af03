//! Public, staff, health and metrics over HTTP.
