//! Signatures of every algorithm, through both backends and the choice of none, against an oracle.

use crate::support::*;

#[test]
fn every_algorithm_verifies_with_every_backend() {
    for algorithm in ALGORITHMS {
        let token = sign(
            algorithm,
            &format!(r#"{{"alg":"{algorithm}"}}"#),
            &claims().to_string(),
        );
        for backend in BACKENDS {
            accepted(builder(key(algorithm)).backend(backend), &token);
            for other in ALGORITHMS.into_iter().filter(|other| *other != algorithm) {
                refused(builder(key(other)).backend(backend), &token, "unknown_key");
                // The same claim of an algorithm over another one's signature.
                let false_name = sign(
                    other,
                    &format!(r#"{{"alg":"{algorithm}"}}"#),
                    &claims().to_string(),
                );
                refused(
                    builder(key(algorithm)).backend(backend),
                    &false_name,
                    "signature",
                );
            }
        }
    }
}

/// Good tokens and verifiers of every algorithm, made once.
static TOKENS: LazyLock<Vec<(Algorithm, String, [JwtVerifier; BACKENDS.len()])>> =
    LazyLock::new(|| {
        let each = ALGORITHMS.into_iter().map(|algorithm| {
            let token = sign(
                algorithm,
                &format!(r#"{{"alg":"{algorithm}"}}"#),
                &claims().to_string(),
            );
            let jwts =
                BACKENDS.map(|backend| builder(key(algorithm)).backend(backend).build().unwrap());
            (algorithm, token, jwts)
        });
        each.collect()
    });

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(1000))]

    #[test]
    fn the_verifier_does_not_panic_on_any_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        header in "[ -~]{0,60}",
        payload in "[ -~]{0,60}",
    ) {
        let (_, _, [jwt, ..]) = &TOKENS[0];
        prop_assert!(verify(jwt, bytes).is_err());
        prop_assert!(verify(jwt, sign(Algorithm::HS256, &header, &payload)).is_err());
        let signed = sign(Algorithm::HS256, r#"{"alg":"HS256"}"#, &payload);
        prop_assert!(verify(jwt, signed).is_err());
    }

    #[test]
    fn a_token_with_any_byte_changed_is_rejected(index: prop::sample::Index, byte: u8, which in 0..12usize) {
        let (algorithm, token, jwts) = &TOKENS[which];
        let mut bytes = token.clone().into_bytes();
        let at = index.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        for jwt in jwts {
            prop_assert!(verify(jwt, bytes.clone()).is_err(), "{} at {}", algorithm, at);
        }
    }

    #[test]
    fn signatures_verify_as_with_the_oracle(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
        length in prop::option::weighted(0.2, 0..300usize),
        which in 0..12usize,
    ) {
        let (algorithm, token, jwts) = &TOKENS[which];
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for (index, byte) in changes {
            let at = index.index(signature.len());
            signature[at] = byte;
        }
        if let Some(length) = length {
            signature.resize(length, 0);
        }
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        let expected = oracle_verifies(*algorithm, &token);
        for jwt in jwts {
            prop_assert_eq!(verify(jwt, token.clone()).is_ok(), expected, "{}", algorithm);
        }
    }
}
