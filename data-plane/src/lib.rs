//! Portway's data plane: a proxy that takes Envoy's configuration and enforces it.
//!
//! One change: [`bootstrap`] reads what a proxy starts from, [`resources`] turns messages into own types,
//! [`xds`] brings more of them, [`snapshot`] puts them in force, [`runtime`] lets the workers know.
//!
//! One request: [`runtime`] accepts it for one of the [`listeners`], [`http`] reads it and carries it
//! through [`routing`], [`filters`] and [`clusters`] and back; [`log`] and [`stats`] keep account of it.
//!
//! [`admin`] shows what is there; [`process`] puts a proxy together; [`cli`] is its command line.

pub mod admin;
pub mod bootstrap;
pub mod cli;
pub mod clusters;
pub mod filters;
pub mod http;
pub mod listeners;
pub mod log;
pub mod process;
pub mod resources;
pub mod routing;
pub mod runtime;
pub mod snapshot;
pub mod stats;
pub mod xds;
