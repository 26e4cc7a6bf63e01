//! What the control thread tells a worker.

use std::{sync::Arc, time::Duration};

use super::sockets::Socket;
use crate::listeners::Listener;

/// One message. Mailboxes are bounded: the control thread waits, a worker never does.
#[derive(Debug)]
pub enum Mail {
    /// Accept connections of a listener on these sockets. A listener of that name that is there already is
    /// replaced: its connections drain, sockets that both have stay open throughout.
    Listen {
        listener: Arc<Listener>,
        sockets: Vec<Socket>,
    },
    /// Stop accepting for a listener, serve what its sockets still hold, drain its connections.
    Unlisten { name: Arc<str> },
    /// Look for pools of endpoints that are gone.
    Prune,
    /// Stop accepting, drain everything, and end when nothing is left or the time has passed.
    Shutdown { within: Duration },
}
