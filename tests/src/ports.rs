//! Ports that nobody else will take between our choosing them and a program's binding them.
//!
//! A port found by binding port 0 comes from the kernel's ephemeral range, where the next outgoing connection
//! of any process may grab it. These come from below that range, in blocks. A process owns a block by
//! listening on its first port for as long as it lives, so tests running side by side never meet.

use std::net::{Ipv4Addr, TcpListener};

use parking_lot::Mutex;

/// Below Linux's default ephemeral range, 32768 to 60999, and above most well-known services.
const FIRST: u16 = 11_000;
const BLOCK: u16 = 100;
const BLOCKS: u16 = 200;

struct Block {
    /// Listening on the first port is the lock.
    _lock: TcpListener,
    next: u16,
    end: u16,
}

static BLOCKS_HELD: Mutex<Vec<Block>> = Mutex::new(Vec::new());

/// A port on 127.0.0.1 that nothing listens on and that no other test will be given.
pub fn free() -> u16 {
    let mut held = BLOCKS_HELD.lock();
    loop {
        if let Some(block) = held.last_mut() {
            while block.next < block.end {
                let port = block.next;
                block.next += 1;
                if bind(port).is_some() {
                    return port;
                }
            }
        }
        held.push(take_block());
    }
}

fn take_block() -> Block {
    // Start somewhere else in each process, so that a search is short.
    let start = std::process::id() as u16 % BLOCKS;
    (0..BLOCKS)
        .map(|step| FIRST + (start + step) % BLOCKS * BLOCK)
        .find_map(|first| {
            Some(Block {
                _lock: bind(first)?,
                next: first + 1,
                end: first + BLOCK,
            })
        })
        .expect("every block of test ports is in use")
}

fn bind(port: u16) -> Option<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn ports_are_distinct_across_blocks_and_can_be_bound() {
        let ports: Vec<u16> = (0..150).map(|_| super::free()).collect();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), ports.len());
        for port in ports {
            assert!(super::bind(port).is_some(), "{port} is taken");
        }
    }
}
