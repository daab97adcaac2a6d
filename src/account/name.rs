//! [`UserName`]: one spelling for a name, however it was typed.

use std::{error::Error, fmt, str::FromStr};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The name of a user, in the one spelling under which it is stored and looked up.
///
/// It follows RFC 8265 section 3.3 (`UsernameCaseMapped`), and is stricter where that is cheap:
///
/// 1. It is brought to Unicode's compatibility composition (NFKC), lower case: `Ａda` and `ADA`
///    are `ada`. A final `ς` is `σ`.
/// 2. Then it has 1 to 64 characters and at most 256 bytes. A name with an `@`, such as an e-mail
///    address, has at most 254 characters (RFC 5321 section 4.5.3.1.3, without the angle brackets).
///    The characters are letters and digits of any script with
///    the marks on them, and the signs of ASCII. No colon, which Basic cannot carry (RFC 7617
///    section 2), no blanks anywhere (nothing is trimmed), no control, invisible or private
///    characters, no emoji; no mark at the beginning.
/// 3. Its letters are not of two of the scripts whose letters look alike: Latin, Greek, Cyrillic,
///    Armenian, Cherokee, Coptic, N'Ko, Lisu. Latin letters may be mixed with Chinese, Japanese and
///    Korean ones only, and digits are of one script (UTS 39 sections 5.2 and 5.3).
/// 4. At most 4 marks follow each other, none of them twice (UTS 39 section 5.4). None is a line
///    across, below or above a letter.
///
/// A name of one script that looks like another name is accepted: `рау`, all Cyrillic, or `admın`
/// with a dotless i. Detecting such names requires the table of confusable characters of UTS 39,
/// which is not part of this crate. Reserve names such as `admin` in the application.
///
/// A user is asked for by the same way: parse what was typed at login as well. What does not
/// parse does not belong to any user. [`Accounts`](super::Accounts) applies rules 3 (beyond the
/// first five scripts) and 4 to new names only, so that accounts that have such a name can log in.
///
/// ```
/// use tower_auth::account::{NameError, UserName};
///
/// let name = UserName::parse("Ada.Lovelace")?;
/// assert_eq!(name.as_str(), "ada.lovelace");
/// assert_eq!(UserName::parse("ada lovelace"), Err(NameError::Blank));
/// # Ok::<(), NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Box<str>);

/// Why a name cannot be had. The texts are fixed, and fit to be shown to whoever chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NameError {
    /// There is none.
    Empty,
    /// It has more than 64 characters, or 254 if it contains an `@`, or more than 256 bytes.
    TooLong,
    /// It has a space or another blank, be it at the beginning or the end.
    Blank,
    /// It has a colon.
    Colon,
    /// It has another character that a name does not have.
    Character,
    /// It has letters of scripts that look alike.
    MixedScripts,
}

impl UserName {
    /// Brings a name to its one spelling.
    ///
    /// # Errors
    ///
    /// If it has characters that a name does not have, too many of them, or none.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let name = Self::lookup(name)?;
        check_scripts(&name.0)?;
        check_marks(&name.0)?;
        Ok(name)
    }

    /// Parses the name by which an account is looked up. The name may have been chosen under
    /// earlier rules.
    pub(super) fn lookup(name: &str) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > MAX_TYPED {
            return Err(NameError::TooLong);
        }
        let name = fold(name);
        // Once more changes nothing, but for what no name should have.
        if fold(&name) != name {
            return Err(NameError::Character);
        }
        let most = if name.contains('@') {
            MAX_ADDRESS
        } else {
            MAX_CHARS
        };
        if name.chars().count() > most || name.len() > MAX_BYTES {
            return Err(NameError::TooLong);
        }
        let mut script = None;
        for character in name.chars() {
            check(character)?;
            let new = Script::of(character).filter(|script| script.was_told_apart());
            if new.is_some() && script.is_some() && new != script {
                return Err(NameError::MixedScripts);
            }
            script = new.or(script);
        }
        match name.chars().next() {
            None => Err(NameError::Empty),
            Some(first) if is_combining_mark(first) => Err(NameError::Character),
            Some(_) => Ok(Self(name.into())),
        }
    }

    /// The name, as it is stored and looked up.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// NFKC, lower case, NFKC: of the case mappings, some give what is not composed.
fn fold(name: &str) -> String {
    name.nfkc()
        .flat_map(char::to_lowercase)
        .map(|character| if character == 'ς' { 'σ' } else { character })
        .nfkc()
        .collect()
}

/// Whether a character may be in a name.
fn check(character: char) -> Result<(), NameError> {
    match character {
        ':' => Err(NameError::Colon),
        _ if character.is_whitespace() => Err(NameError::Blank),
        _ if character.is_ascii_graphic() => Ok(()),
        _ if is_unfit(character) => Err(NameError::Character),
        _ if character.is_alphanumeric() || is_combining_mark(character) => Ok(()),
        _ => Err(NameError::Character),
    }
}

/// Rejects Latin letters mixed with those of other scripts, and digits of two scripts.
fn check_scripts(name: &str) -> Result<(), NameError> {
    let mut script = None;
    let (mut is_latin, mut is_foreign) = (false, false);
    let (mut has_ascii_digits, mut has_other_digits) = (false, false);
    for character in name.chars() {
        let new = Script::of(character);
        if new.is_some() && script.is_some() && new != script {
            return Err(NameError::MixedScripts);
        }
        script = new.or(script);
        is_latin |= new == Some(Script::Latin);
        is_foreign |= new.is_none() && is_foreign_to_latin(character);
        has_ascii_digits |= character.is_ascii_digit();
        has_other_digits |=
            !character.is_ascii() && character.is_numeric() && !character.is_alphabetic();
    }
    if (is_latin && is_foreign) || (has_ascii_digits && has_other_digits) {
        return Err(NameError::MixedScripts);
    }
    Ok(())
}

/// Whether a character that is not Latin is of a script that is not mixed with Latin.
fn is_foreign_to_latin(character: char) -> bool {
    let is_common = matches!(
        character,
        // Modifier letters, such as the okina, and marks of every script.
        '\u{2b0}'..='\u{36f}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    );
    let is_east_asian = matches!(
        character,
        '\u{1100}'..='\u{11ff}'
            | '\u{2e80}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{a960}'..='\u{a97f}'
            | '\u{ac00}'..='\u{d7ff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{1aff0}'..='\u{1b16f}'
            | '\u{20000}'..='\u{3ffff}'
    );
    !character.is_ascii() && !is_common && !is_east_asian
}

/// Rejects too many marks in a row, the same mark twice, and marks that are lines.
fn check_marks(name: &str) -> Result<(), NameError> {
    let mut marks = Vec::new();
    for character in name.chars() {
        if !is_combining_mark(character) {
            marks.clear();
            continue;
        }
        let is_line = matches!(
            character,
            '\u{305}' | '\u{332}'..='\u{338}' | '\u{33f}' | '\u{35e}'..='\u{35f}'
        );
        if is_line || marks.contains(&character) || marks.len() >= MAX_MARKS {
            return Err(NameError::Character);
        }
        marks.push(character);
    }
    Ok(())
}

/// Letters and marks that show nothing (`Default_Ignorable_Code_Point`), and marks that enclose
/// what is before them (RFC 8264 section 9.1 leaves them out).
fn is_unfit(character: char) -> bool {
    matches!(
        character,
        '\u{34f}'
            | '\u{488}'..='\u{489}'
            | '\u{1abe}'
            | '\u{20dd}'..='\u{20e4}'
            | '\u{a670}'..='\u{a672}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Scripts whose letters look alike.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Cherokee,
    Coptic,
    Nko,
    Lisu,
}

impl Script {
    /// By block: a few letters of other scripts and signs among them do no harm.
    fn of(character: char) -> Option<Self> {
        if !character.is_alphanumeric() {
            return None;
        }
        match character {
            '\u{3e2}'..='\u{3ef}' | '\u{2c80}'..='\u{2cff}' => Some(Self::Coptic),
            '\u{7c0}'..='\u{7ff}' => Some(Self::Nko),
            '\u{a4d0}'..='\u{a4ff}' | '\u{11fb0}' => Some(Self::Lisu),
            'a'..='z' | '\u{c0}'..='\u{2af}' | '\u{1e00}'..='\u{1eff}' => Some(Self::Latin),
            '\u{2c60}'..='\u{2c7f}' | '\u{a720}'..='\u{a7ff}' => Some(Self::Latin),
            '\u{ab30}'..='\u{ab64}' => Some(Self::Latin),
            '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Some(Self::Greek),
            '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' => Some(Self::Cyrillic),
            '\u{2de0}'..='\u{2dff}' | '\u{a640}'..='\u{a69f}' => Some(Self::Cyrillic),
            '\u{531}'..='\u{58f}' => Some(Self::Armenian),
            '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' => Some(Self::Cherokee),
            _ => None,
        }
    }

    /// Whether names have been checked for this script since the first version.
    fn was_told_apart(self) -> bool {
        !matches!(self, Self::Coptic | Self::Nko | Self::Lisu)
    }
}

impl FromStr for UserName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::parse(name)
    }
}

impl AsRef<str> for UserName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a name is needed",
            Self::TooLong => "the name is too long",
            Self::Blank => "the name has a blank",
            Self::Colon => "the name has a colon",
            Self::Character => "the name has a character that names do not have",
            Self::MixedScripts => "the name mixes scripts that look alike",
        })
    }
}

impl Error for NameError {}

/// Characters, in the one spelling.
const MAX_CHARS: usize = 64;

/// Characters of an e-mail address.
const MAX_ADDRESS: usize = 254;

/// The largest number of marks in a row.
const MAX_MARKS: usize = 4;

/// Bytes, in the one spelling.
const MAX_BYTES: usize = 256;

/// Bytes, as typed: more are not looked at.
const MAX_TYPED: usize = 1024;

#[cfg(test)]
mod tests;
