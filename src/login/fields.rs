//! Fields of bytes in a row, which can be wiped: what is sealed.

use zeroize::Zeroizing;

/// Each field behind its length.
pub(super) fn write(fields: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length = fields.iter().fold(0usize, |sum, field| {
        sum.saturating_add(field.len()).saturating_add(4)
    });
    // Enough at once: memory that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    for field in fields {
        // A field of 4 GiB would not be read again, but no caller has one.
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
        text.extend_from_slice(&length.to_be_bytes());
        text.extend_from_slice(field);
    }
    text
}

/// Exactly so many fields, and nothing behind them.
pub(super) fn read<const N: usize>(mut text: &[u8]) -> Option<[&[u8]; N]> {
    let mut fields: [&[u8]; N] = [&[]; N];
    for field in &mut fields {
        let (length, rest) = text.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        (*field, text) = rest.split_at_checked(length)?;
    }
    text.is_empty().then_some(fields)
}

/// A number of eight bytes.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(field.try_into().ok()?))
}

/// A field that is text.
pub(super) fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(a: Vec<u8>, b: Vec<u8>, c: Vec<u8>) {
            let text = write(&[&a, &b, &c]);
            prop_assert_eq!(read::<3>(&text), Some([&*a, &*b, &*c]));
            prop_assert_eq!(read::<2>(&text), None);
            prop_assert_eq!(read::<4>(&text), None);
        }

        #[test]
        fn whatever_is_read_reads_as_written(text: Vec<u8>) {
            if let Some(fields) = read::<2>(&text) {
                prop_assert_eq!(&*write(&fields), &text);
            }
        }
    }
}
