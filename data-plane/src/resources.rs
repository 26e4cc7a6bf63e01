//! Wire messages become own, validated types here, exactly once (nothing behind sees a message).
//!
//! [`at`] is how every parser reports: all problems of a resource in one pass, each with its field path.

pub mod access_log;
pub mod any;
pub mod at;
pub mod route;
pub mod scalar;
