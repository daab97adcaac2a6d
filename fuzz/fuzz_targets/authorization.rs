//! Nobody gets in by an `Authorization` field that no verifier has accepted.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tower_auth_fuzz::authorization::check(input);
});
