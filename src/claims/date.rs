//! `NumericDate` (RFC 7519 section 2).

use crate::{clock::LAST_SECOND, json::Value};

/// Which way a fraction of a second goes: towards the stricter answer.
#[derive(Clone, Copy)]
pub(crate) enum Round {
    Down,
    Up,
}

/// Reads a date as [`read`] does, rounded down and up. Of nearly every one that is the same.
#[allow(dead_code, reason = "only tokens have such")]
#[inline]
pub(crate) fn read_both(value: Value<'_>) -> Option<(u64, u64)> {
    match value.as_number().and_then(whole) {
        Some(seconds) => (seconds <= LAST_SECOND).then_some((seconds, seconds)),
        None => Some((read(value, Round::Down)?, read(value, Round::Up)?)),
    }
}

/// Reads a date as whole seconds since 1970.
///
/// Any JSON number will do, also `1.8e9`. What lies before 1970 is a mistake of the issuer's, and
/// what lies beyond the year 9999 is milliseconds or another one: neither is a date.
#[inline]
pub(crate) fn read(value: Value<'_>, round: Round) -> Option<u64> {
    let text = value.as_number()?;
    let seconds = match whole(text) {
        Some(seconds) => seconds,
        None => any(text, round)?,
    };
    (seconds <= LAST_SECOND).then_some(seconds)
}

/// A number of any spelling.
#[cold]
fn any(text: &str, round: Round) -> Option<u64> {
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let number: f64 = text.parse().ok()?;
    // `-0` is zero all the same.
    if number < 0.0 {
        return None;
    }
    // Saturates: a number too large is beyond every date.
    Some(match round {
        Round::Down => number.floor() as u64,
        Round::Up => number.ceil() as u64,
    })
}

/// What nearly every date is: few digits and nothing else. Without the checks that more need.
#[inline]
fn whole(text: &str) -> Option<u64> {
    let digits = text.as_bytes();
    if digits.len() > 18 {
        return None;
    }
    // The dates of this century have ten.
    let (number, digits) = match digits.split_first_chunk() {
        Some((eight, digits)) => (eight_digits(*eight)?, digits),
        None => (0, digits),
    };
    digits.iter().try_fold(number, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit <= 9).then_some(number * 10 + u64::from(digit))
    })
}

/// Reads eight digits at once: pairs of them, then pairs of pairs, then both halves.
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    let digits = u64::from_le_bytes(digits) ^ u64::from_le_bytes([b'0'; 8]);
    // Sets the high bit of the first byte that is more than nine.
    let more = digits.wrapping_add(u64::from_le_bytes([0x7f - 9; 8])) | digits;
    if more & u64::from_le_bytes([0x80; 8]) != 0 {
        return None;
    }
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Object;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_whole_reads_as_the_standard_library_reads_it(
            text in "[0-9]{1,18}|[0-9/:é.+-]{1,20}",
        ) {
            let is_whole = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
            prop_assert_eq!(whole(&text), is_whole.then(|| text.parse().unwrap()));
        }
    }

    #[test]
    fn a_date_is_a_number_of_any_spelling_from_1970_to_the_year_9999() {
        let read = |text: &str, round| {
            let object = Object::parse(format!("{{\"d\":{text}}}").into()).unwrap();
            read(object.at(&"d".into()).unwrap(), round)
        };
        let down = |text| read(text, Round::Down);
        assert_eq!(down("0"), Some(0));
        assert_eq!(down("1800000000"), Some(1_800_000_000));
        assert_eq!(down("1.8e9"), Some(1_800_000_000));
        assert_eq!(down("1800000000.0"), Some(1_800_000_000));
        assert_eq!(down("1800000000.9"), Some(1_800_000_000));
        assert_eq!(read("1800000000.1", Round::Up), Some(1_800_000_001));
        assert_eq!(down("-0"), Some(0));
        assert_eq!(down("-0.0"), Some(0));
        assert_eq!(down("253402300799"), Some(253_402_300_799));
        for none in [
            "-1",
            "-0.5",
            "-1e400",
            "253402300800",
            "1800000000000",
            "18446744073709551615",
            "18446744073709551616",
            "1e20",
            "1e400",
            "\"1800000000\"",
            "\"\"",
            "true",
            "false",
            "null",
            "[1800000000]",
            "{}",
        ] {
            assert_eq!(down(none), None, "{none}");
        }
    }
}
