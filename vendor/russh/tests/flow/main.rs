//! What this copy of russh adds: see vendor/PATCHES.md.
//!
//! Each connection here is a real one, on an in-memory pipe of 64 KiB: it fills at once, so that a side which stops
//! reading is noticed, as it is on a slow network.

mod openssh;
mod proxy;
mod requests;
mod window;
mod world;
