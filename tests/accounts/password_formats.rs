//! Password hashes of other software, through the public API.
//!
//! The vectors are from other projects: crypt_blowfish and jBCrypt (bcrypt), Drepper's specification
//! (SHA-crypt), the documentation of Apache, passlib and Django, and output of libxcrypt,
//! Werkzeug 3.1 and Python's hashlib.

use std::time::{Duration, Instant};
use tower_auth::password::{HashPool, PasswordHash};

#[track_caller]
fn parse(text: &str) -> PasswordHash {
    let hash = PasswordHash::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(hash.as_str(), text);
    assert_eq!(format!("{hash:?}"), "PasswordHash");
    assert!(hash.needs_rehash(), "{text}");
    hash
}

async fn matches(hash: &PasswordHash, password: impl AsRef<[u8]>) -> bool {
    let pool = HashPool::new().unwrap();
    pool.verify("u", password, Some(hash)).await.unwrap()
}

/// These hashes are of these passwords, and of no similar ones.
async fn are_met(vectors: &[(&[u8], &str)]) {
    for (password, text) in vectors {
        let hash = parse(text);
        assert!(matches(&hash, password).await, "{text}");
        let mut other = password.to_vec();
        other.push(b'x');
        assert!(!matches(&hash, &other).await, "{text}");
        other.truncate(password.len());
        if let Some(last) = other.last_mut() {
            *last ^= 1;
            assert!(!matches(&hash, &other).await, "{text}");
        }
    }
}

#[track_caller]
fn refused(text: &str, message: &str) {
    let error = PasswordHash::parse(text).unwrap_err();
    assert_eq!(error.to_string(), message, "{text}");
}

#[tokio::test]
async fn bcrypt_is_understood() {
    are_met(&[
        (
            b"U*U",
            "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        ),
        (
            b"U*U*",
            "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
        ),
        (
            b"U*U*U",
            "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a",
        ),
        (
            b"\xff\xff\xa3",
            "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
        ),
        (
            b"",
            "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
        ),
        (
            b"abc",
            "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
        ),
        (
            b"myPassword",
            "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC",
        ),
        (
            "a\u{e9}".as_bytes(),
            "$2b$04$abcdefghijklmnopqrstuusV1DKdsbs6FYIYh9W.bTOu4kIZn0gtC",
        ),
        // As long as can be.
        (
            b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
        ),
    ])
    .await;
}

#[tokio::test]
async fn passwords_that_bcrypt_truncates_do_not_match_and_take_as_long() {
    let longest = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let hash = parse("$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui");
    assert!(matches(&hash, longest).await);
    assert!(!matches(&hash, format!("{longest}chars after 72 are ignored")).await);
    // The key is repeated with the NUL that ends it: `abc` and `abc\0abc` are the same to bcrypt.
    let hash = parse("$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i");
    for password in [&b"abc\0abc"[..], b"abc\0", b"\0", b"abc\0\xff"] {
        assert!(!matches(&hash, password).await, "{password:?}");
    }

    // 64 times 2^5: a check that is left out takes a hundredth, however busy the machine is.
    let hash = parse("$2b$11$abcdefghijklmnopqrstuusV1DKdsbs6FYIYh9W.bTOu4kIZn0gtC");
    let mut fastest = Vec::new();
    for password in ["short", &"x".repeat(3000), "nul\0nul"] {
        let mut best = Duration::MAX;
        for _ in 0..3 {
            let start = Instant::now();
            assert!(!matches(&hash, password).await);
            best = best.min(start.elapsed());
        }
        fastest.push(best);
    }
    for best in &fastest {
        assert!(*best * 10 > fastest[0], "{fastest:?}");
        assert!(fastest[0] * 10 > *best, "{fastest:?}");
    }
}

#[tokio::test]
async fn sha_crypt_is_understood() {
    let even_longer: &[u8] = b"a very much longer text to encrypt.  This one even stretches over \
        morethan one line.";
    are_met(&[
        (
            b"Hello world!",
            "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
        ),
        (
            b"Hello world!",
            "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
        ),
        (
            b"This is just a test",
            "$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5",
        ),
        (
            even_longer,
            "$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1",
        ),
        (
            b"we have a short salt string but not a short password",
            "$5$rounds=77777$short$JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/",
        ),
        (
            b"a short string",
            "$5$rounds=123456$asaltof16chars..$gP3VQ/6X7UUEW3HkBn2w1/Ptq2jxPyzV/cZKmF/wJvD",
        ),
        (
            b"Hello world!",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            b"Hello world!",
            "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
        ),
        (
            b"This is just a test",
            "$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0",
        ),
        (
            even_longer,
            "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1",
        ),
        (
            b"we have a short salt string but not a short password",
            "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0",
        ),
        (
            b"a short string",
            "$6$rounds=123456$asaltof16chars..$BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu.Ec6ycULevoBK25fs2xXgMNrCzIMVcgEJAstJeonj1",
        ),
        // libxcrypt: nothing, a block, and as long as can be.
        (
            b"",
            "$6$saltstring$kyGrqt6gmjAdtFLPrflEFifSYLCWWq1pyx95SvqinLDy2UHmj0sTF0MSLMwxPFZc3tu5kQckI8fks0zOPda3n1",
        ),
        (
            &[b'x'; 32],
            "$5$saltstring$xLASXGU7L2tnQezB4rwhJEBqDVqcstZLQvC6JaczsJA",
        ),
        (
            &[b'x'; 64],
            "$6$saltstring$SSoAqlzjEXraQ.dDguxosFViX0Mfw4O.kEQXNqWn2FWfLIsQUWxK3xUguKKWh/yPYlb6YCK5MTl1eAQTuZtVf.",
        ),
        (
            &[b'x'; 511],
            "$6$saltstring$sB5o1/NAESoB6Sqlk/y.q3xgRCfOVIq1NhoQMI9.qi.bR1CmOnPRBoQLKbvRhMdPSll2ff/NXPkwIW7YkGJeH/",
        ),
    ])
    .await;
}

#[tokio::test]
async fn scrypt_is_understood() {
    are_met(&[
        // passlib's documentation.
        (
            b"password",
            "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        ),
        // Werkzeug, by default and cheaper.
        (
            b"open sesame",
            "scrypt:32768:8:1$HGO14h6HWffKGLCz$6fa5fb55cfe6f9c18dcd8efdf4cead0faea5bc76c71272562837ae89139786cd2bc6e87c119bcec26b0de0d4e86ea95a7eb86b5be404908c3a1ba6168e8d5375",
        ),
        (
            b"open sesame",
            "scrypt:4096:8:1$DkOaOPfiQuNtmYHT$b85087661b220b65a08988ca3d0f21ce91b10f1fc0acf5fa894bfb1ee3430ae4c2a0486b9ed1afe1b085910e1250eb5c971770debe82a89541bb46a383052efe",
        ),
    ])
    .await;
}

#[tokio::test]
async fn pbkdf2_is_understood() {
    are_met(&[
        // passlib's documentation.
        (
            b"password",
            "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
        ),
        // Django's tests.
        (
            "l\u{e8}tmein".as_bytes(),
            "pbkdf2_sha256$10000$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY=",
        ),
        // Werkzeug.
        (
            b"open sesame",
            "pbkdf2:sha256:1000$r1V5bmU4t8UxvzNc$545c2629a71e23f47abf3a50cbffec173f44cbefed74e85ad31ec65d3448302d",
        ),
        (
            b"open sesame",
            "pbkdf2:sha512:1000$Q7PRfv8HFsUV3OBd$c7c66942089d75f2b74af7215aa6a20e6b9ab23fbcbd27dd2570eb8516e56270b54e948da9617bfa32c4ef0ac12a1cad7fa5b85529e8530abe02f2d5246c5058",
        ),
        // Python's hashlib, as PHC strings.
        (
            b"hunter42",
            "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA$8tVrpexxST9OLBVWZqaQTXt4yRecqe+TrBLZ5lCayTU",
        ),
        (
            b"hunter42",
            "$pbkdf2-sha512$i=1000$c2FsdHNhbHRzYWx0c2FsdA$vZCp1sGG8fFQ6MSMh5iSOaoBMDoKHVBssiPi7TrIXOygJm4T3jkav3HcJ34gIzHIkWuyzTchd1kfimKFHnIw+A",
        ),
    ])
    .await;
}

#[test]
fn hashes_that_cost_too_much_are_rejected() {
    let bcrypt = "the bcrypt hash has a cost outside 4 to 15";
    for cost in ["03", "16", "31", "99", "00"] {
        let salt_output = "abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
        refused(&format!("$2b${cost}${salt_output}"), bcrypt);
    }
    let scrypt = "the scrypt hash is too costly: at most 256 MiB (N * r * 128), r=32, p=16, \
                  N * r * p = 2^23";
    let impossible = "the scrypt hash has impossible parameters";
    let rest = "c2FsdHNhbHQ$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";
    for (costs, message) in [
        ("ln=19,r=8,p=1", scrypt),
        ("ln=18,r=8,p=5", scrypt),
        ("ln=4,r=33,p=1", scrypt),
        ("ln=4,r=8,p=17", scrypt),
        ("ln=64,r=8,p=1", scrypt),
        ("ln=4294967295,r=4294967295,p=4294967295", scrypt),
        ("ln=0,r=8,p=1", impossible),
        ("ln=4,r=0,p=1", impossible),
        ("ln=4,r=8,p=0", impossible),
    ] {
        refused(&format!("$scrypt${costs}${rest}"), message);
    }
    parse(&format!("$scrypt$ln=18,r=8,p=4${rest}"));

    let pbkdf2 =
        "the PBKDF2 hash is too costly: at most 5000000 iterations, times blocks of output";
    refused(&format!("$pbkdf2-sha256$i=5000001,l=32${rest}"), pbkdf2);
    refused(
        &format!("$pbkdf2-sha256$4294967295${}", rest.replace('+', ".")),
        pbkdf2,
    );
    refused(
        &format!("$pbkdf2-sha256$i=0,l=32${rest}"),
        "the PBKDF2 hash has no iterations",
    );
    parse(&format!("$pbkdf2-sha256$i=5000000,l=32${rest}"));

    let sha_crypt = "the SHA-crypt hash has rounds outside 1000 to 1000000";
    for rounds in ["0", "999", "1000001", "4294967295"] {
        refused(
            &format!("$5$rounds={rounds}$salt$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
            sha_crypt,
        );
    }
}

#[test]
fn every_form_has_one_spelling() {
    let bcrypt = "the bcrypt hash is not in the form `$2b$COST$SALTOUTPUT`";
    for text in [
        "$2b$",
        "$2b$5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$+5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$05CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW.",
        "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
        "$2b$05$CCCCCCCCCCCCCCCCCCCCC/E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeX",
        "$2b$05$CCCCCCCCCCCCCCCCCCCC\u{e9}.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    ] {
        refused(text, bcrypt);
    }
    let sha_crypt =
        "the SHA-crypt hash is not in the form `$5$rounds=N$SALT$OUTPUT`, `$6$` likewise";
    let output = "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";
    for rest in [
        String::new(),
        "saltstring".into(),
        format!("rounds=01000$saltstring${output}"),
        format!("rounds=$saltstring${output}"),
        format!("rounds=5000,x$saltstring${output}"),
        format!("seventeencharsalt${output}"),
        format!("salt:string${output}"),
        format!("salt string${output}"),
        format!("saltstring${output}."),
        format!("saltstring$.{output}"),
        format!("saltstring${}", &output[..42]),
        format!("saltstring${}z", &output[..42]),
        format!("saltstring${}=", &output[..42]),
        "saltstring$".into(),
    ] {
        refused(&format!("$5${rest}"), sha_crypt);
    }
    let scrypt = "the scrypt hash is not in the form `$scrypt$ln=LN,r=R,p=P$SALT$OUTPUT` or \
                  `scrypt:N:R:P$SALT$HEX`";
    let rest = "c2FsdHNhbHQ$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";
    let hex = "545c2629a71e23f47abf3a50cbffec173f44cbefed74e85ad31ec65d3448302d";
    for text in [
        "$scrypt$".into(),
        format!("$scrypt$ln=04,r=8,p=1${rest}"),
        format!("$scrypt$r=8,ln=4,p=1${rest}"),
        format!("$scrypt$ln=4,r=8,p=1,x=1${rest}"),
        format!("$scrypt$ln=4,r=8,p=1${rest}="),
        format!("$scrypt$ln=4,r=8,p=1${rest}$"),
        format!("scrypt:1000:8:1$salt${hex}"),
        format!("scrypt:1024:8:1$salt${}", hex.to_uppercase()),
        format!("scrypt:1024:8:1:1$salt${hex}"),
        format!("scrypt:1024:8:1$salt${hex}0"),
    ] {
        refused(&text, scrypt);
    }
    let pbkdf2 = "the PBKDF2 hash is not in the form `$pbkdf2-sha256$i=N,l=L$SALT$OUTPUT`, nor in \
                  that of passlib, Django or Werkzeug";
    for text in [
        "$pbkdf2-sha256$".into(),
        format!("$pbkdf2-sha256$i=1000,l=31${rest}"),
        format!("$pbkdf2-sha256$l=32,i=1000${rest}"),
        format!("$pbkdf2-sha256$i=1000,l=032${rest}"),
        format!("$pbkdf2-sha256$1000${rest}"),
        format!("$pbkdf2-sha512$01000${}", rest.replace('+', ".")),
        "pbkdf2_sha256$1000$salt$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E".into(),
        format!("pbkdf2:sha256:1000$sa:lt${hex}"),
        format!("pbkdf2:sha256:1000:x$salt${hex}"),
    ] {
        refused(&text, pbkdf2);
    }
    let kind = "the password hash is not of a kind understood: Argon2id, bcrypt, scrypt, PBKDF2 \
                or SHA-crypt";
    for text in [
        "$2x$05$6bNw2HLQYeqHYyBfLMsv/OiwqTymGIGzFsA4hOTWebfehXHNprcAS",
        "$2$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$1$saltstri$qv7Q",
        "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/",
        "{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=",
        "pbkdf2:sha1:1000$salt$00",
        "plain",
    ] {
        refused(text, kind);
    }
}

#[tokio::test]
async fn new_hashes_and_costlier_ones_stay() {
    let pool = HashPool::new().unwrap();
    let hash = pool.hash("open sesame").await.unwrap();
    assert!(!hash.needs_rehash());
    assert!(pool.verify("u", "open sesame", Some(&hash)).await.unwrap());
    assert!(!pool.verify("u", "open sesam", Some(&hash)).await.unwrap());
    let again = pool.hash("open sesame").await.unwrap();
    assert_ne!(again.as_str(), hash.as_str(), "another salt");

    for (costs, needs) in [
        ("m=19456,t=2,p=1", false),
        ("m=65536,t=3,p=4", false),
        ("m=47104,t=1,p=1", false),
        ("m=19456,t=1,p=1", true),
        ("m=19455,t=3,p=1", true),
        ("m=8,t=16,p=1", true),
    ] {
        let text = format!(
            "$argon2id$v=19${costs}$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
        );
        let hash = PasswordHash::parse(&text).unwrap();
        assert_eq!(hash.needs_rehash(), needs, "{costs}");
    }
}

#[test]
fn kinds_are_ordered_by_their_time() {
    let times = [
        "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "scrypt:32768:8:1$HGO14h6HWffKGLCz$6fa5fb55cfe6f9c18dcd8efdf4cead0faea5bc76c71272562837ae89139786cd2bc6e87c119bcec26b0de0d4e86ea95a7eb86b5be404908c3a1ba6168e8d5375",
        "pbkdf2_sha256$720000$seasalt$eDupbcisD1UuIiou3hMuMu8oe/XwnpDw45r6AA5iv0E=",
        "$2b$12$abcdefghijklmnopqrstuusV1DKdsbs6FYIYh9W.bTOu4kIZn0gtC",
    ]
    .map(|text| PasswordHash::parse(text).unwrap().estimated_time());
    assert!(times.is_sorted(), "{times:?}");
    assert!(times[0] > Duration::from_micros(100));
    assert!(times[5] < Duration::from_secs(1));
}

#[tokio::test]
async fn an_unknown_user_takes_as_long_as_the_costliest_kind_that_was_seen() {
    let time = async |pool: &HashPool, stored: Option<&PasswordHash>| {
        let mut best = Duration::MAX;
        for _ in 0..3 {
            let start = Instant::now();
            assert!(!pool.verify("u", "x", stored).await.unwrap());
            best = best.min(start.elapsed());
        }
        best
    };
    let cheap = PasswordHash::parse(
        "$5$rounds=1000$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
    )
    .unwrap();
    for costly in [
        "$2b$11$abcdefghijklmnopqrstuusV1DKdsbs6FYIYh9W.bTOu4kIZn0gtC",
        "pbkdf2_sha256$60000$seasalt$eDupbcisD1UuIiou3hMuMu8oe/XwnpDw45r6AA5iv0E=",
        "$pbkdf2-sha512$i=30000$c2FsdHNhbHRzYWx0c2FsdA$vZCp1sGG8fFQ6MSMh5iSOaoBMDoKHVBssiPi7TrIXOygJm4T3jkav3HcJ34gIzHIkWuyzTchd1kfimKFHnIw+A",
        "scrypt:32768:8:1$HGO14h6HWffKGLCz$6fa5fb55cfe6f9c18dcd8efdf4cead0faea5bc76c71272562837ae89139786cd2bc6e87c119bcec26b0de0d4e86ea95a7eb86b5be404908c3a1ba6168e8d5375",
        "$6$rounds=200000$saltstring$kyGrqt6gmjAdtFLPrflEFifSYLCWWq1pyx95SvqinLDy2UHmj0sTF0MSLMwxPFZc3tu5kQckI8fks0zOPda3n1",
    ] {
        let costly = PasswordHash::parse(costly).unwrap();
        let pool = HashPool::new().unwrap();
        time(&pool, Some(&cheap)).await;
        let known = time(&pool, Some(&costly)).await;
        time(&pool, Some(&cheap)).await;
        let unknown = time(&pool, None).await;
        assert!(
            unknown * 10 > known,
            "{}: {unknown:?} {known:?}",
            costly.as_str()
        );
        assert!(
            known * 10 > unknown,
            "{}: {unknown:?} {known:?}",
            costly.as_str()
        );
    }
}
