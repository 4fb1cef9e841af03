//! Nothing is acknowledged before it is durable, and nothing durable is lost.

mod kill;
mod lock;
mod opening;
