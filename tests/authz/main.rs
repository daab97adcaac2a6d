//! Authorization: policies, their combinations, and rules by path and method.

#[path = "../common/mod.rs"]
mod common;

mod path_parameters;
mod path_rules;
mod policies;
