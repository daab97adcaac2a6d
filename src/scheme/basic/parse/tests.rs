use super::*;
use crate::RejectionKind;
use proptest::prelude::*;

#[track_caller]
fn accepted(token68: &str, user: &str, password: &str) {
    let credentials = Credentials::parse(token68.as_bytes()).expect(token68);
    assert_eq!(credentials.user(), user, "{token68}");
    assert_eq!(credentials.password(), password, "{token68}");
}

#[track_caller]
fn refused(token68: &[u8]) {
    let rejection = Credentials::parse(token68).expect_err(&String::from_utf8_lossy(token68));
    assert_eq!(rejection.kind(), RejectionKind::Malformed);
}

#[track_caller]
fn refused_inside(decoded: &[u8]) {
    refused(STANDARD.encode(decoded).as_bytes());
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    accepted("QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame");
    accepted("dGVzdDoxMjPCow==", "test", "123£");
}

#[test]
fn the_first_colon_splits() {
    for (decoded, user, password) in [
        (":", "", ""),
        ("a:", "a", ""),
        (":b", "", "b"),
        ("a::", "a", ":"),
        ("a:b:c", "a", "b:c"),
        (" a : b ", " a ", " b "),
        ("普通话:中文", "普通话", "中文"),
    ] {
        accepted(&STANDARD.encode(decoded), user, password);
    }
    refused_inside(b"");
    refused_inside(b"Aladdin");
    refused_inside("Aladdin：open sesame".as_bytes());
}

#[test]
fn base64_is_canonical_or_refused() {
    for token68 in [
        "",
        "=",
        "====",
        "Og",
        "Og=",
        "Og===",
        "Og==Og==",
        "Og== ",
        " Og==",
        "Og\t==",
        "O g==",
        "Og==, realm=\"x\"",
        "\"Og==\"",
        "==Og==",
        "*Og==",
        // Bits that belong to nothing.
        "Oh==",
        "QWxhZGRpbjpvcGVuIHNlc2FtZR==",
        // The alphabet of base64url.
        "b64.",
        "YjY0Oj8-Pz4_Pz8-Pg==",
        "Aladdin:open sesame",
    ] {
        refused(token68.as_bytes());
    }
    accepted("YjY0Oj8+Pz4/Pz8+Pg==", "b64", "?>?>???>>");
    refused(b"Og==\x00");
    refused(b"Og==\xff");
}

#[test]
fn control_characters_and_broken_utf8_are_refused() {
    for decoded in [
        "a\0:b",
        "a:\0b",
        "a:b\0",
        "a\n:b",
        "a:b\r\n",
        "a:\tb",
        "a\u{7f}:b",
        "a:\u{80}b",
        "a\u{9f}:b",
        "a:\u{85}",
    ] {
        refused_inside(decoded.as_bytes());
    }
    accepted(&STANDARD.encode("a:\u{a0}b"), "a", "\u{a0}b");
    for decoded in [
        &b"test:123\xa3"[..],
        b"Aladdin\xc0\xba:open sesame",
        b"a:\xed\xa0\x80",
        b"a:\xf4\x90\x80\x80",
        b"\xff:",
    ] {
        refused_inside(decoded);
    }
}

#[test]
fn what_is_longer_than_4096_bytes_is_not_decoded() {
    let password = "x".repeat(3070);
    let longest = STANDARD.encode(format!("a:{password}"));
    assert_eq!(longest.len(), 4096);
    accepted(&longest, "a", &password);
    refused_inside(format!("a:{password}x").as_bytes());
    refused(&[b'A'; 1 << 20]);
}

#[test]
fn what_cannot_be_sent_is_no_credential() {
    assert!(Credentials::new("a:b", "c").is_err());
    assert!(Credentials::new("a\n", "c").is_err());
    assert!(Credentials::new("a", "c\0").is_err());
    assert!(Credentials::new("a", &"x".repeat(3071)).is_err());
    assert!(Credentials::new("a", &"x".repeat(3070)).is_ok());
    assert!(Credentials::new("", ":").is_ok());
}

proptest! {
    #[test]
    fn what_was_formatted_is_read_again(
        user in "[^:\\p{Cc}]{0,80}",
        password in "\\PC{0,300}",
    ) {
        let credentials = Credentials::new(&user, &password).unwrap();
        let value = credentials.to_header_value();
        prop_assert!(value.is_sensitive());
        let token68 = value.as_bytes().strip_prefix(b"Basic ").unwrap();
        let again = Credentials::parse(token68).unwrap();
        prop_assert_eq!(again.user(), &user);
        prop_assert_eq!(again.password(), &password);
    }

    #[test]
    fn what_is_read_is_formatted_the_same(decoded in "[^\\p{Cc}]{0,40}") {
        let token68 = STANDARD.encode(decoded);
        if let Ok(credentials) = Credentials::parse(token68.as_bytes()) {
            let value = credentials.to_header_value();
            prop_assert_eq!(value.to_str().unwrap(), format!("Basic {token68}"));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, decoded: Vec<u8>) {
        let _ = Credentials::parse(&bytes);
        if let Ok(credentials) = Credentials::parse(STANDARD.encode(&decoded).as_bytes()) {
            let both = format!("{}:{}", credentials.user(), credentials.password());
            prop_assert_eq!(both.as_bytes(), &decoded[..]);
        }
    }
}
