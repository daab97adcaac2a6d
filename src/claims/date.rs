//! `NumericDate` (RFC 7519 section 2).

use super::WrongType;
use crate::{
    clock::LAST_SECOND,
    json::{Number, Value},
    rejection::Mismatch,
};

/// The error for a claim that is not a date.
pub(crate) const NO_DATE: WrongType = WrongType("a date: a number of seconds since 1970");

/// The direction in which a fraction of a second is rounded: towards the stricter decision.
#[derive(Clone, Copy)]
pub(crate) enum Round {
    Down,
    Up,
}

/// Reads a date as whole seconds since 1970.
///
/// Every spelling of a number is accepted, also `1.8e9`. A time before 1970 is a mistake of the
/// issuer. A time after the year 9999 is in milliseconds, or another mistake. Neither is a date.
pub(crate) fn read(value: &Value<'_>, round: Round) -> Option<u64> {
    let seconds = match value.as_number()? {
        Number::Whole(seconds) => seconds,
        // `-0` is zero. The conversion saturates, and a number that is too large is no date.
        Number::Other(number) if number >= 0.0 => match round {
            Round::Down => number.floor() as u64,
            Round::Up => number.ceil() as u64,
        },
        Number::Other(_) => return None,
    };
    (seconds <= LAST_SECOND).then_some(seconds)
}

/// Returns both sides of an expiry (`exp`) that has passed, or of a future date (`nbf`, `iat`).
#[cold]
pub(crate) fn out_of_time(claim: &str, date: u64, now: u64, leeway: u64) -> Box<Mismatch> {
    let expected = match claim {
        "exp" => format!("later than {}", now.saturating_sub(leeway)),
        _ => format!("at most {}", now.saturating_add(leeway)),
    };
    let expected = format!("{expected} (now {now}, leeway {leeway} s)");
    Mismatch::new(claim, date.to_string(), expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    #[test]
    fn a_date_is_a_number_of_any_spelling_from_1970_to_the_year_9999() {
        let read = |text: &str, round| {
            let text = format!("{{\"d\":{text}}}");
            let claims = Document::read(text.as_bytes()).unwrap();
            read(claims.named("d").unwrap(), round)
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
            "-1e300",
            "253402300800",
            "1800000000000",
            "18446744073709551615",
            "18446744073709551616",
            "1e20",
            "1e300",
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
