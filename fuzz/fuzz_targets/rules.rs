//! A path that leads to `/admin`, however it is written, does not get there without the role.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tower_auth_fuzz::rules::check(input);
});
