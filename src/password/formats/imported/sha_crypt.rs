//! SHA-crypt (Drepper, 2007): crypt(3)'s `$5$` and `$6$`.
//!
//! Its time grows with the password, so that one longer than crypt(3) takes (libxcrypt: 511
//! bytes) never matches, at the cost of one of 511 bytes.

use super::super::{
    parsed::Parsed,
    text::{number, plain_salt},
};
use crate::ConfigError;
use sha_crypt::{Params, sha256_crypt, sha512_crypt};
use zeroize::Zeroizing;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShaCrypt {
    rounds: u32,
    hash: Hash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Sha256,
    Sha512,
}

pub(super) fn read(text: &str) -> Option<Result<Parsed<ShaCrypt>, ConfigError>> {
    if let Some(rest) = text.strip_prefix("$5$") {
        Some(read_rest(Hash::Sha256, rest))
    } else {
        let rest = text.strip_prefix("$6$")?;
        Some(read_rest(Hash::Sha512, rest))
    }
}

/// `SALT$OUTPUT` or `rounds=N$SALT$OUTPUT`.
fn read_rest(hash: Hash, text: &str) -> Result<Parsed<ShaCrypt>, ConfigError> {
    let (rounds, rest) = match text.strip_prefix("rounds=") {
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or_else(malformed)?;
            (number(rounds).ok_or_else(malformed)?, rest)
        }
        None => (Params::RECOMMENDED_ROUNDS, text),
    };
    if !(Params::ROUNDS_MIN..=MAX_ROUNDS).contains(&rounds) {
        return Err(ConfigError::new(
            "the SHA-crypt hash has rounds outside 1000 to 1000000",
        ));
    }
    let (salt, output) = rest.split_once('$').ok_or_else(malformed)?;
    let salt = plain_salt(salt)
        .filter(|salt| salt.len() <= 16)
        .ok_or_else(malformed)?;
    Ok(Parsed {
        kind: ShaCrypt { rounds, hash },
        salt,
        output: hash.decode(output.as_bytes()).ok_or_else(malformed)?,
    })
}

impl ShaCrypt {
    pub(super) const fn nanos(self) -> u64 {
        (self.rounds as u64).saturating_mul(match self.hash {
            Hash::Sha256 => 95,
            Hash::Sha512 => 210,
        })
    }

    pub(super) fn output_len(self) -> usize {
        self.hash.len()
    }

    pub(super) fn compute(self, password: &[u8], salt: &[u8], output: &mut [u8]) -> bool {
        let used = password.get(..LONGEST).unwrap_or(password);
        // Within the bounds of `read_rest`, which are narrower.
        let params = Params::new(self.rounds).unwrap_or_default();
        let mut computed = Zeroizing::new([0; 64]);
        match self.hash {
            Hash::Sha256 => computed
                .iter_mut()
                .zip(*Zeroizing::new(sha256_crypt(used, salt, params)))
                .for_each(|(to, from)| *to = from),
            Hash::Sha512 => *computed = sha512_crypt(used, salt, params),
        }
        for (to, from) in output.iter_mut().zip(computed.iter()) {
            *to = *from;
        }
        used.len() == password.len()
    }
}

impl Hash {
    fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Reads crypt(3)'s base64: 24 bits are three bytes from far apart, the lowest six first.
    fn decode(self, text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut output = Zeroizing::new(vec![0; self.len()]);
        let (groups, last) = text.as_chunks::<4>();
        if groups
            .len()
            .saturating_mul(3)
            .saturating_add(last.len().saturating_sub(1))
            != self.len()
        {
            return None;
        }
        for (n, group) in groups
            .iter()
            .map(<[u8; 4]>::as_slice)
            .chain([last])
            .enumerate()
        {
            let mut bits = 0_u32;
            for &character in group.iter().rev() {
                bits = bits << 6 | value(character)?;
            }
            for &at in self.places(n)?.iter().rev() {
                let [low, ..] = bits.to_le_bytes();
                *output.get_mut(at)? = low;
                bits >>= 8;
            }
            // Bits that belong to nothing.
            if bits != 0 {
                return None;
            }
        }
        Some(output)
    }

    /// Returns the bytes of the output that the group of this number holds, the highest first.
    fn places(self, group: usize) -> Option<&'static [usize]> {
        match self {
            Self::Sha256 => SHA256_PLACES.get(group).copied(),
            Self::Sha512 => SHA512_PLACES.get(group).copied(),
        }
    }
}

fn value(character: u8) -> Option<u32> {
    let (first, offset) = match character {
        b'.' | b'/' => (b'.', 0),
        b'0'..=b'9' => (b'0', 2),
        b'A'..=b'Z' => (b'A', 12),
        b'a'..=b'z' => (b'a', 38),
        _ => return None,
    };
    Some(u32::from(character.wrapping_sub(first)).wrapping_add(offset))
}

fn malformed() -> ConfigError {
    ConfigError::new(
        "the SHA-crypt hash is not in the form `$5$rounds=N$SALT$OUTPUT`, `$6$` likewise",
    )
}

/// passlib's default for SHA-512 is 656,000.
const MAX_ROUNDS: u32 = 1_000_000;

/// Bytes.
const LONGEST: usize = 511;

const SHA256_PLACES: [&[usize]; 11] = [
    &[0, 10, 20],
    &[21, 1, 11],
    &[12, 22, 2],
    &[3, 13, 23],
    &[24, 4, 14],
    &[15, 25, 5],
    &[6, 16, 26],
    &[27, 7, 17],
    &[18, 28, 8],
    &[9, 19, 29],
    &[31, 30],
];

const SHA512_PLACES: [&[usize]; 22] = [
    &[0, 21, 42],
    &[22, 43, 1],
    &[44, 2, 23],
    &[3, 24, 45],
    &[25, 46, 4],
    &[47, 5, 26],
    &[6, 27, 48],
    &[28, 49, 7],
    &[50, 8, 29],
    &[9, 30, 51],
    &[31, 52, 10],
    &[53, 11, 32],
    &[12, 33, 54],
    &[34, 55, 13],
    &[56, 14, 35],
    &[15, 36, 57],
    &[37, 58, 16],
    &[59, 17, 38],
    &[18, 39, 60],
    &[40, 61, 19],
    &[62, 20, 41],
    &[63],
];
