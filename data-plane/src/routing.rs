//! From a request's head to the route that takes it.
//!
//! A [`RouteTable`] is immutable. A request first finds its virtual host ([`hosts`]), then the first route in
//! that host's order whose [`path`] and [`condition`]s it meets; [`index`] does this without walking the list.
//! A [`Route`] carries what happens next: an [`action`] with its [`rewrite`] or [`redirect`], header
//! [`edits`], what it says about [`filters`], and [`metadata`]. [`text`] and [`pattern`] compare texts.
//!
//! Nothing here reads messages ([`crate::resources::route`] does) or does I/O.

pub mod action;
pub mod condition;
pub mod edits;
pub mod filters;
pub mod hosts;
pub mod index;
pub mod metadata;
pub mod path;
pub mod pattern;
pub mod redirect;
pub mod rewrite;
pub mod table;
pub mod text;

pub use self::{
    action::{Action, DirectResponse, Forward},
    redirect::Redirect,
    table::{Found, Miss, Route, RouteTable, VirtualHost, tls_location},
};
