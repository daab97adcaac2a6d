use super::*;
use crate::{
    Identity, RejectionKind,
    basic::{User, Users},
    credential::Place,
    password::PasswordHash,
    scheme::attempt_of,
    verify_fn,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use serde::Deserialize;
use std::{fs, path::Path};

fn head(fields: &[(&str, &str)]) -> Option<Parts> {
    let mut head = Request::new(()).into_parts().0;
    for (name, value) in fields {
        head.headers.append(
            HeaderName::from_bytes(name.as_bytes()).ok()?,
            HeaderValue::from_bytes(value.as_bytes()).ok()?,
        );
    }
    Some(head)
}

async fn judge<V: Verify<Credentials>>(
    basic: &Basic<V>,
    values: &[&str],
) -> Option<Result<Identity, Rejection>> {
    let fields: Vec<_> = values
        .iter()
        .map(|value| ("authorization", *value))
        .collect();
    assert_eq!(basic.realm().as_deref(), Some("internal"));
    let (place, verdict) = attempt_of(basic, &head(&fields).unwrap())?;
    assert_eq!(place, Place::Authorization);
    Some(verdict.await)
}

#[tokio::test]
async fn a_verifier_gets_what_was_sent_and_only_what_is_well_formed() {
    let basic = Basic::new(
        "internal",
        verify_fn(|c: Credentials| Ok(Identity::new(format!("{}/{}", c.user(), c.password())))),
    );
    for (value, subject) in [
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin/open sesame"),
        ("BASIC   dGVzdDoxMjPCow==", "test/123£"),
        ("basic Og==", "/"),
    ] {
        let identity = judge(&basic, &[value]).await.unwrap().unwrap();
        assert_eq!(identity.subject(), subject);
    }
    for values in [
        &["Basic"][..],
        &["Basic "],
        &["Basic Og= ="],
        &["Basic Og==,"],
        &["Basic QQ=="],
        &["Basic Og==", "Basic Og=="],
        &["Basic Og==", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
    ] {
        let rejection = judge(&basic, values).await.unwrap().unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Malformed, "{values:?}");
    }
    assert!(judge(&basic, &["Bearer Og=="]).await.is_none());
    assert!(judge(&basic, &[]).await.is_none());
}

#[test]
fn a_401_is_challenged_and_nothing_else() {
    let basic = Basic::new(
        r#"the "inner" circle"#,
        verify_fn(|_: Credentials| Err(Rejection::invalid())),
    );
    let challenge = |rejection: Rejection| {
        let mut headers = HeaderMap::new();
        basic.challenge(&rejection, &mut Challenges::new("layer", &mut headers));
        headers
            .get_all(header::WWW_AUTHENTICATE)
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let expected = [r#"Basic realm="the \"inner\" circle", charset="UTF-8""#];
    assert_eq!(challenge(Rejection::missing()), expected);
    assert_eq!(challenge(Rejection::invalid()), expected);
    assert_eq!(
        challenge(Rejection::insufficient_authentication()),
        expected
    );
    assert!(challenge(Rejection::malformed()).is_empty());
    assert!(challenge(Rejection::forbidden()).is_empty());
    assert!(challenge(Rejection::unavailable("x")).is_empty());
}

#[derive(Deserialize)]
struct Case {
    name: String,
    header: Option<String>,
    block: Option<String>,
    expect: String,
    prefer: Option<String>,
    user: Option<String>,
    password: Option<String>,
}

impl Case {
    /// The fields sent; `None` for what no HTTP parser lets through.
    fn head(&self) -> Option<Parts> {
        match (&self.header, &self.block) {
            // White space around a value is not part of it (RFC 9110 section 5.5).
            (Some(value), _) => head(&[("authorization", value.trim_end_matches(' '))]),
            (None, Some(block)) => {
                let fields: Vec<_> = block
                    .split("\r\n")
                    .filter_map(|line| line.split_once(": "))
                    .collect();
                head(&fields)
            }
            (None, None) => panic!("{} sends nothing", self.name),
        }
    }
}

#[tokio::test]
async fn it_reads_what_others_read() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let (Ok(cases), Ok(known)) = (
        fs::read_to_string(vectors.join("basic.jsonl")),
        fs::read_to_string(vectors.join("basic_users.json")),
    ) else {
        println!("skipped: the vectors are not here");
        return;
    };
    let known: Vec<(String, String)> = serde_json::from_str(&known).unwrap();
    let users = Users::new(
        known
            .iter()
            .map(|(name, password)| User::new(name.as_str(), PasswordHash::cheap(password))),
    )
    .unwrap();
    let basic = Basic::new("internal", users);
    let mut count = 0;
    for line in cases.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        count += 1;
        let attempt = case.head().and_then(|head| attempt_of(&basic, &head));
        let result = match attempt {
            Some((_, verdict)) => Some(verdict.await),
            None => None,
        };
        if case.expect == "accept" {
            let identity = result.unwrap_or_else(|| panic!("{}: nothing", case.name));
            let identity = identity.unwrap_or_else(|r| panic!("{}: {r:?}", case.name));
            assert_eq!(identity.subject(), case.user.unwrap(), "{}", case.name);
            assert!(case.password.is_some());
        } else {
            assert!(case.prefer.is_none_or(|prefer| prefer == "reject"));
            if let Some(result) = result {
                let kind = result.map(|_| ()).expect_err(&case.name).kind();
                assert!(
                    matches!(kind, RejectionKind::Malformed | RejectionKind::Invalid),
                    "{}: {kind:?}",
                    case.name
                );
            }
        }
    }
    assert_eq!(count, 43);
}
