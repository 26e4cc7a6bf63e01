//! The server core against the rules: tables first, then random histories against clients of our own.

mod answers;
mod delta;
mod order;
mod random_names;
mod random_proxy;
mod requests;
mod rig;
mod sotw;
