//! Basic credentials that parse have one spelling, and no character that splits them elsewhere.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tower_auth_fuzz::basic::check(input);
});
