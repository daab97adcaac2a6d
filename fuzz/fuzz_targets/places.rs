//! Wherever credentials lie, at most one is judged, and none goes on in the query.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tower_auth_fuzz::places::check(input);
});
