//! A stored hash that parses has one spelling, and says what it costs within bounds.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tower_auth_fuzz::password_hash::check(input);
});
