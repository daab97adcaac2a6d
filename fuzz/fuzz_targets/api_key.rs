//! A generated key is right in every character, or it is none.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tower_auth_fuzz::api_key::check(input);
});
