mod acknowledging;
mod admission;
mod clients;
mod intake;
mod malformed;
mod stopping;
mod subscribing;
mod support;
