//! A token passes if it was signed, and if another reader of JSON agrees on what it says.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tower_auth_fuzz::jwt::check(input);
});
