//! Every challenge reads, to a parser that nobody here wrote, as the scheme and realm it is of.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tower_auth_fuzz::challenge::check(input);
});
