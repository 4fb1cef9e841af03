//! What follows the store by a cursor and may lag or be down without holding anything up.

pub mod influxdb;
