//! Whatever a browser asks of a login, it is sent to the provider or to this application, and
//! nobody is logged in whom the provider has not answered for.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tower_auth_fuzz::login::check(input);
});
