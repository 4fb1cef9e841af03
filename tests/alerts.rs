//! Somebody is woken once by each thing that is true, and by nothing else.

mod city;
mod commands;
mod month;
mod rules;
mod staff;
