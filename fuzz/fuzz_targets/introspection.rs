//! A token passes if the answer about it says so, and if another reader of JSON agrees.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tower_auth_fuzz::introspection::check(input);
});
