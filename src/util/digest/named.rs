//! Names of a fixed size, for what others have named.

use sha2::{Digest, Sha256};

/// `KIND/` and 128 bits in hexadecimal of a name within its issuer: what an issuer or a client has
/// named may be as long as a token, and hold any character.
pub(crate) fn named(kind: &str, issuer: &str, name: &str) -> String {
    let mut digest = Sha256::new();
    // With its length, so that the two do not run into each other.
    digest.update((issuer.len() as u64).to_le_bytes());
    digest.update(issuer);
    digest.update(name);
    let digest = digest.finalize();
    let first = digest.first_chunk().copied().unwrap_or_default();
    format!("{kind}/{:032x}", u128::from_be_bytes(first))
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_name_counts_within_its_kind_and_issuer() {
        let all = [
            named("a", "b", "c"),
            named("b", "b", "c"),
            named("a", "bc", ""),
            named("a", "", "bc"),
            named("a", "b", "d"),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(one.len() < 64 && one.is_ascii());
            assert!(!all.iter().skip(i + 1).any(|other| other == one));
        }
        assert_eq!(named("a", "b", "c"), all[0]);
    }
}
