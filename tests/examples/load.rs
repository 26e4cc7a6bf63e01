//! The benchmark's load generator: keep-alive connections in a closed loop, or at a fixed rate.
//!
//! One thread. In the closed loop each connection sends its next request when the last one is answered. With
//! `--rate`, requests fall due at even distances and wait for a free connection; latency counts from when a
//! request was due, so that a stall is charged to every request it delays. With `--hold`, each connection
//! makes one request and then stays open until standard input ends.
//!
//! Prints `warm` when the warm-up is over and one line of JSON at the end.

use std::{
    fs,
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Parser;
use memchr::memmem;
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use portway_tests::clock::now;
use serde_json::json;

#[derive(Parser)]
struct Options {
    /// The proxy, or whatever is measured.
    #[arg(long)]
    to: SocketAddr,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Seconds before counting begins.
    #[arg(long, default_value_t = 0.5)]
    warmup: f64,
    /// Seconds of counting.
    #[arg(long, default_value_t = 5.0)]
    duration: f64,
    /// Requests per second; without it, as many as are answered.
    #[arg(long)]
    rate: Option<f64>,
    /// The status every response should have; others are counted.
    #[arg(long, default_value_t = 200)]
    expect: u16,
    /// The path to ask for.
    #[arg(long, default_value = "/")]
    path: String,
    /// A file of requests to take turns with, one a line: method, path, and fields `name: value`, separated
    /// by tabs.
    #[arg(long)]
    requests: Option<PathBuf>,
    /// One request per connection, then hold them open.
    #[arg(long)]
    hold: bool,
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// What the socket did not take at once.
    unsent: Vec<u8>,
    /// When the request under way was due; `None` while idle.
    due: Option<Instant>,
}

struct Load {
    options: Options,
    poll: Poll,
    requests: Vec<Vec<u8>>,
    turn: usize,
    connections: Vec<Connection>,
    idle: Vec<usize>,
    tally: Tally,
}

#[derive(Default)]
struct Tally {
    /// Latencies in microseconds of the responses that count.
    latencies: Vec<u32>,
    unexpected: u64,
    reconnects: u64,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let requests = requests(&options)?;
    let mut load = Load {
        poll: Poll::new()?,
        requests,
        turn: 0,
        connections: Vec::new(),
        idle: Vec::new(),
        tally: Tally::default(),
        options,
    };
    load.connect()?;
    if load.options.hold {
        return load.hold();
    }
    load.run()
}

fn requests(options: &Options) -> io::Result<Vec<Vec<u8>>> {
    let lines = match &options.requests {
        Some(file) => fs::read_to_string(file)?,
        None => format!("GET\t{}", options.path),
    };
    let requests: Vec<_> = lines
        .lines()
        .map(|line| {
            let mut parts = line.split('\t');
            let method = parts.next().unwrap_or("GET");
            let path = parts.next().unwrap_or("/");
            let mut request = format!("{method} {path} HTTP/1.1\r\nhost: bench.example\r\n");
            for field in parts {
                request.push_str(field);
                request.push_str("\r\n");
            }
            request.push_str("\r\n");
            request.into_bytes()
        })
        .collect();
    assert!(!requests.is_empty(), "the file of requests is empty");
    Ok(requests)
}

impl Load {
    fn connect(&mut self) -> io::Result<()> {
        for index in 0..self.options.connections {
            let stream = self.open(index)?;
            self.connections.push(Connection {
                stream,
                received: Vec::with_capacity(4096),
                unsent: Vec::new(),
                due: None,
            });
            self.idle.push(index);
        }
        Ok(())
    }

    fn open(&self, index: usize) -> io::Result<TcpStream> {
        let stream = std::net::TcpStream::connect(self.options.to)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut stream, Token(index), interest)?;
        Ok(stream)
    }

    fn run(mut self) -> io::Result<()> {
        let started = now();
        let counting = started + Duration::from_secs_f64(self.options.warmup);
        let end = counting + Duration::from_secs_f64(self.options.duration);
        let gap = self
            .options
            .rate
            .map(|rate| Duration::from_secs_f64(1.0 / rate));
        let mut next_due = started;
        let mut warm = false;
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let time = now();
            if !warm && time >= counting {
                warm = true;
                self.tally = Tally::default();
                println!("warm");
                io::stdout().flush()?;
            }
            if time >= end {
                break;
            }
            while !self.idle.is_empty() && (gap.is_none() || next_due <= time) {
                let due = gap.map_or(time, |_| next_due);
                next_due = gap.map_or(next_due, |gap| next_due + gap);
                if let Some(index) = self.idle.pop() {
                    self.send(index, due)?;
                }
            }
            let wait = match gap {
                None => Duration::from_millis(100),
                // The kernel's timer is too coarse for short gaps: look again at once, and let others run.
                Some(_) => {
                    std::thread::yield_now();
                    Duration::ZERO
                }
            };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                self.handle(event.token().0, &mut buffer)?;
            }
        }
        self.report((now() - counting).as_secs_f64());
        Ok(())
    }

    fn hold(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 64 * 1024];
        let all = self.connections.len();
        // A few at a time: holding, not the rush, is what is measured.
        let mut waiting: Vec<usize> = (0..all).rev().collect();
        self.idle.clear();
        while self.idle.len() < all {
            while all - self.idle.len() - waiting.len() < 64
                && let Some(index) = waiting.pop()
            {
                self.send(index, now())?;
            }
            self.poll.poll(&mut events, Some(Duration::from_secs(10)))?;
            assert!(!events.is_empty(), "no response for 10 s");
            for event in &events {
                self.handle(event.token().0, &mut buffer)?;
            }
        }
        println!("held {all} unexpected {}", self.tally.unexpected);
        io::stdout().flush()?;
        io::stdin().read_to_end(&mut Vec::new())?;
        Ok(())
    }

    fn send(&mut self, index: usize, due: Instant) -> io::Result<()> {
        let request = &self.requests[self.turn % self.requests.len()];
        self.turn += 1;
        let connection = &mut self.connections[index];
        connection.due = Some(due);
        match connection.stream.write(request) {
            Ok(count) => {
                connection.unsent.extend_from_slice(&request[count..]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                connection.unsent.extend_from_slice(request);
                Ok(())
            }
            Err(_) => self.reopen(index),
        }
    }

    fn handle(&mut self, index: usize, buffer: &mut [u8]) -> io::Result<()> {
        let connection = &mut self.connections[index];
        while !connection.unsent.is_empty() {
            match connection.stream.write(&connection.unsent) {
                Ok(count) => drop(connection.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return self.reopen(index),
            }
        }
        loop {
            let connection = &mut self.connections[index];
            match connection.stream.read(buffer) {
                Ok(0) => return self.reopen(index),
                Ok(count) => {
                    connection.received.extend_from_slice(&buffer[..count]);
                    if let Some((status, length)) = response(&connection.received) {
                        connection.received.drain(..length);
                        self.answered(index, status);
                        // In a closed loop nothing follows an answer; an end raises an event of its own.
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return self.reopen(index),
            }
        }
    }

    fn answered(&mut self, index: usize, status: u16) {
        if let Some(due) = self.connections[index].due.take() {
            let latency = (now() - due).as_micros();
            self.tally
                .latencies
                .push(u32::try_from(latency).unwrap_or(u32::MAX));
            self.idle.push(index);
        }
        if status != self.options.expect {
            self.tally.unexpected += 1;
        }
    }

    /// The peer closed: a fresh connection takes the place, and a request under way is lost.
    fn reopen(&mut self, index: usize) -> io::Result<()> {
        let stream = self.open(index)?;
        let connection = &mut self.connections[index];
        connection.stream = stream;
        connection.received.clear();
        connection.unsent.clear();
        self.tally.reconnects += 1;
        if connection.due.take().is_some() {
            self.tally.unexpected += 1;
            self.idle.push(index);
        }
        Ok(())
    }

    fn report(mut self, seconds: f64) {
        let latencies = &mut self.tally.latencies;
        latencies.sort_unstable();
        let at = |share: f64| {
            let index = (latencies.len() as f64 * share) as usize;
            latencies.get(index.min(latencies.len().saturating_sub(1)))
        };
        println!(
            "{}",
            json!({
                "requests": latencies.len(),
                "seconds": seconds,
                "rps": latencies.len() as f64 / seconds,
                "unexpected": self.tally.unexpected,
                "reconnects": self.tally.reconnects,
                "p50_us": at(0.5),
                "p90_us": at(0.9),
                "p99_us": at(0.99),
                "p999_us": at(0.999),
                "max_us": latencies.last(),
            })
        );
    }
}

/// Status and length of the response at the start, once it is complete.
fn response(bytes: &[u8]) -> Option<(u16, usize)> {
    let head = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let status = std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().ok()?;
    let mut length: Option<usize> = None;
    for line in bytes[..head].split(|&byte| byte == b'\n').skip(1) {
        let name = b"content-length:";
        if line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name) {
            length = std::str::from_utf8(&line[name.len()..])
                .ok()?
                .trim()
                .parse()
                .ok();
        }
    }
    let end = match length {
        Some(length) => head + length,
        None if memmem::find(&bytes[..head], b"chunked").is_some() => {
            head + memmem::find(&bytes[head..], b"0\r\n\r\n")? + 5
        }
        None => head,
    };
    (bytes.len() >= end).then_some((status, end))
}
