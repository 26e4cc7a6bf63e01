//! The origin behind every peer of the benchmark: answers each request head with the same response.
//!
//! One thread, keep-alive only, no bodies in requests. Two system calls per request when nothing is
//! pipelined: it must never be what a measurement measures.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
};

use clap::Parser;
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

#[derive(Parser)]
struct Options {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Bytes of the response's body.
    #[arg(long, default_value_t = 165)]
    body: usize,
}

struct Connection {
    stream: TcpStream,
    /// How much of the blank line that ends a head has been seen.
    matched: usize,
    unsent: Vec<u8>,
}

const LISTENER: Token = Token(usize::MAX);
const BLANK_LINE: &[u8] = b"\r\n\r\n";

fn main() -> io::Result<()> {
    let options = Options::parse();
    let response = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{}",
        options.body,
        "x".repeat(options.body)
    )
    .into_bytes();
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(options.listen)?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening on {}", options.listen);
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free = Vec::new();
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 16 * 1024];
    loop {
        if let Err(error) = poll.poll(&mut events, None)
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error);
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let slot = free.pop().unwrap_or_else(|| {
                        connections.push(None);
                        connections.len() - 1
                    });
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry()
                        .register(&mut stream, Token(slot), interest)?;
                    connections[slot] = Some(Connection {
                        stream,
                        matched: 0,
                        unsent: Vec::new(),
                    });
                }
                continue;
            }
            let slot = event.token().0;
            let Some(connection) = &mut connections[slot] else {
                continue;
            };
            let closing = event.is_read_closed() || event.is_error();
            if connection.serve(&response, &mut buffer, closing).is_err() {
                connections[slot] = None;
                free.push(slot);
            }
        }
    }
}

impl Connection {
    /// Answers what has arrived; an error means that the connection is over.
    fn serve(&mut self, response: &[u8], buffer: &mut [u8], closing: bool) -> io::Result<()> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            for &byte in &buffer[..count] {
                self.matched = match byte {
                    byte if byte == BLANK_LINE[self.matched] => self.matched + 1,
                    b'\r' => 1,
                    _ => 0,
                };
                if self.matched == BLANK_LINE.len() {
                    self.matched = 0;
                    self.unsent.extend_from_slice(response);
                }
            }
            // A short read emptied the socket; the next byte raises a new event.
            if count < buffer.len() && !closing {
                break;
            }
        }
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
