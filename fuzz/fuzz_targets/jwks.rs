//! What a JWK Set brings along is used as it says itself, and broken keys do no harm to others.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tower_auth_fuzz::jwks::check(input);
});
