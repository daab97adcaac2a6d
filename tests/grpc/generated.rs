//! The generated code of the tonic example matches its `.proto` file.
//!
//! The code is checked in so that a build does not need a protocol compiler. `UPDATE=1 cargo test
//! --test grpc generated` writes it again.

use std::{env, fs, path::Path};

#[test]
fn the_generated_code_is_that_of_the_proto() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/tonic");
    let descriptors = protox::compile([folder.join("shop.proto")], [&folder]).unwrap();
    let out = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tonic_prost_build::configure()
        .out_dir(out)
        .compile_fds(descriptors)
        .unwrap();
    let generated = fs::read_to_string(out.join("shop.rs")).unwrap();
    let checked_in = folder.join("shop.rs");
    if env::var_os("UPDATE").is_some() {
        fs::write(&checked_in, &generated).unwrap();
    }
    assert_eq!(
        fs::read_to_string(checked_in).unwrap(),
        generated,
        "run with UPDATE=1"
    );
}
