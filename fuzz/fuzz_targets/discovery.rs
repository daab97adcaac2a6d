//! Whatever an issuer answers with, its keys are taken from nowhere else than its own metadata
//! says, and nothing else is ever asked.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tower_auth_fuzz::discovery::check(input);
});
