//! Sets that an issuer publishes: one bad key does no harm to the rest.

use super::{Algorithm, Backend, Key, KeySet, SkippedKey};
use crate::{ConfigError, error::fail_if};

/// The most keys a published set may list; real ones have fewer than twenty.
const MAX_ENTRIES: usize = 512;

/// Which keys of a published set are taken.
#[derive(Clone, Debug)]
pub(crate) struct Accept {
    /// What RSA keys without `alg` are for.
    pub(crate) rsa: Algorithm,
    /// `None`: every algorithm that is not symmetric.
    pub(crate) algorithms: Option<Vec<Algorithm>>,
}

impl Accept {
    fn check(&self, key: &Key) -> Result<(), ConfigError> {
        // Whoever can read it could sign (RFC 7517 section 9.2).
        fail_if!(key.is_secret(), "a secret is not to be published");
        match &self.algorithms {
            Some(algorithms) if !algorithms.contains(&key.algorithm()) => Err(ConfigError::new(
                "its algorithm is not accepted from this issuer",
            )),
            _ => Ok(()),
        }
    }
}

impl KeySet {
    /// The keys of a JWK Set that somebody else publishes, made ready by this backend.
    ///
    /// Whatever cannot be used is left out, and be it everything; of keys that no token could
    /// tell apart, all are. Nothing is logged.
    ///
    /// # Errors
    ///
    /// If the text is no JWK Set, or lists too many keys.
    pub(crate) fn published(
        jwks: &str,
        accept: &Accept,
        backend: Option<Backend>,
    ) -> Result<Self, ConfigError> {
        let mut set = Self::read(jwks, MAX_ENTRIES, accept.rsa, |key| {
            accept.check(&key)?;
            key.on(backend)
        })?;
        let mut distinct: Vec<Key> = Vec::new();
        for key in set.keys {
            // Listed twice, a key is still one.
            if !distinct.iter().any(|other| other.is_same(&key)) {
                distinct.push(key);
            }
        }
        let is_ambiguous = |key: &&Key| {
            let like = distinct.iter().filter(|other| other.is_like(key));
            like.count() > 1
        };
        let error = ConfigError::new(
            "another key has the same \"kid\" and algorithm: no token can tell them apart",
        );
        let (ambiguous, keys): (Vec<_>, Vec<_>) = distinct.iter().partition(is_ambiguous);
        let ambiguous = ambiguous.into_iter();
        set.skipped_keys
            .extend(ambiguous.map(|key| SkippedKey::new(key.key_id(), &error)));
        set.keys = keys.into_iter().cloned().collect();
        Ok(set)
    }

    /// Whether both hold the same keys, by name, algorithm and material.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let has = |set: &Self, key: &Key| set.keys.iter().any(|other| other.is_same(key));
        self.keys.len() == other.keys.len() && self.keys.iter().all(|key| has(other, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515 appendix A.3, RFC 8037 appendix A.2, RFC 7515 appendix A.2.
    const EC: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;
    const ED: &str =
        r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
    const OTHER_ED: &str =
        r#""kty":"OKP","crv":"Ed25519","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw""#;
    const RSA: &str = r#""kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ""#;

    fn set(keys: &[String]) -> KeySet {
        accepting(None, keys)
    }

    fn accepting(algorithms: Option<Vec<Algorithm>>, keys: &[String]) -> KeySet {
        let accept = Accept {
            rsa: Algorithm::PS256,
            algorithms,
        };
        let text = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
        KeySet::published(&text, &accept, None).unwrap()
    }

    fn key(members: &str, kid: &str, more: &str) -> String {
        format!(r#"{{{members},"kid":"{kid}"{more}}}"#)
    }

    fn kids(set: &KeySet) -> Vec<&str> {
        set.keys().filter_map(Key::key_id).collect()
    }

    fn skipped_keys(set: &KeySet) -> Vec<&str> {
        set.skipped_keys()
            .iter()
            .filter_map(SkippedKey::key_id)
            .collect()
    }

    #[test]
    fn what_cannot_be_used_is_left_out_one_by_one() {
        let set = set(&[
            key(EC, "enc", r#","use":"enc""#),
            key(EC, "wrap", r#","key_ops":["wrapKey"]"#),
            key(r#""kty":"AKP""#, "akp", ""),
            key(r#""kty":"RSA","n":"AQAB","e":"AQAB""#, "weak", ""),
            key(
                r#""kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow""#,
                "oct",
                r#","alg":"HS256""#,
            ),
            key(EC, "good", r#","use":"sig","key_ops":["verify"]"#),
        ]);
        assert_eq!(kids(&set), ["good"]);
        assert_eq!(skipped_keys(&set), ["enc", "wrap", "akp", "weak", "oct"]);
    }

    #[test]
    fn of_two_keys_with_one_name_type_and_algorithm_decide_or_both_are_left_out() {
        let told_apart = set(&[key(EC, "a", ""), key(ED, "a", "")]);
        assert_eq!(kids(&told_apart), ["a", "a"]);
        let twice = set(&[key(ED, "a", ""), key(ED, "a", "")]);
        assert_eq!(kids(&twice), ["a"]);
        let set = set(&[
            key(ED, "a", ""),
            key(EC, "b", ""),
            key(OTHER_ED, "a", ""),
            format!("{{{ED}}}"),
            format!("{{{OTHER_ED}}}"),
        ]);
        assert_eq!(kids(&set), ["b"]);
        assert_eq!(set.keys().count(), 1);
        assert_eq!(set.skipped_keys().len(), 4);
    }

    #[test]
    fn a_key_without_algorithm_serves_the_one_of_its_type() {
        let set = set(&[
            key(RSA, "r", ""),
            key(RSA, "named", r#","alg":"RS512""#),
            key(EC, "e", ""),
        ]);
        let algorithms: Vec<_> = set.keys().map(Key::algorithm).collect();
        assert_eq!(
            algorithms,
            [Algorithm::PS256, Algorithm::RS512, Algorithm::ES256]
        );
    }

    #[test]
    fn an_algorithm_that_is_not_accepted_is_left_out() {
        let keys = [key(RSA, "r", ""), key(EC, "e", "")];
        let set = accepting(Some(vec![Algorithm::ES256]), &keys);
        assert_eq!((kids(&set), skipped_keys(&set)), (vec!["e"], vec!["r"]));
    }

    #[test]
    fn sets_are_the_same_by_material_and_not_by_order() {
        let (a, b) = (key(EC, "a", ""), key(ED, "b", ""));
        let one = set(&[a.clone(), b.clone()]);
        assert!(one.is_same(&set(&[b.clone(), a.clone()])));
        assert!(!one.is_same(&set(std::slice::from_ref(&a))));
        assert!(!one.is_same(&set(&[a.clone(), key(OTHER_ED, "b", "")])));
        assert!(!one.is_same(&set(&[a, key(ED, "c", "")])));
        assert!(KeySet::of([]).is_same(&set(&[])));
    }

    #[test]
    fn junk_is_no_set() {
        let accept = Accept {
            rsa: Algorithm::RS256,
            algorithms: None,
        };
        for junk in [
            "",
            "[]",
            "{}",
            r#"{"keys":{}}"#,
            "<html>",
            r#"{"keys":null}"#,
        ] {
            assert!(KeySet::published(junk, &accept, None).is_err(), "{junk}");
        }
        let many = format!(r#"{{"keys":[{}0]}}"#, "0,".repeat(MAX_ENTRIES));
        assert!(KeySet::published(&many, &accept, None).is_err());
    }
}
