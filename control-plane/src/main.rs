//! `portway`: the program around the control plane and the operator's command line.
//!
//! What belongs to a process and not to a library is here: the allocator and the exit code.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    portway_control_plane::cli::main(std::env::args_os())
}
