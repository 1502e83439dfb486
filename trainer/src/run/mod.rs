//! A run: its configuration and id, its folder, the tables and saved states in it, and which of its
//! epochs are kept.

pub mod config;
pub mod epochs;
pub mod finished;
pub mod folder;
mod identity;
pub mod kept;
pub mod lock;
pub mod pareto;
pub mod record;
pub mod resolved;
pub mod resume;
pub mod schema;
pub mod select;
pub mod state;
