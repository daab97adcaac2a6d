//! The suite for stores of tokens.

use super::{at, at_once};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tower_auth::store::{
    FamilyQuery, RefreshRotation, RefreshTokenFamily, Revocation, RevocationQuery,
    RevocationStatus, TokenStore,
};

pub(crate) fn family(issuer: &str, subject: &str, id: &str) -> RefreshTokenFamily {
    RefreshTokenFamily {
        id: format!("{issuer}/{id}"),
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        grant: r#"{"roles":["clerk"],"name":"Zoë \"Z\""}"#.to_owned(),
        begun: 3_999_000_000_000,
        current: [1; 32],
        rotated_at: at(4_000_000_000) + Duration::from_millis(123),
        expires_at: at(4_000_000_100),
        ends_at: at(4_000_000_200),
        ended: false,
    }
}

pub(crate) fn rotation<'a>(
    family: &'a str,
    spent: &'a [u8; 32],
    successor: &'a [u8; 32],
) -> RefreshRotation<'a> {
    RefreshRotation {
        family,
        spent,
        successor,
        at: at(4_000_000_010) + Duration::from_millis(7),
        expires_at: at(4_000_000_110),
    }
}

async fn revoked(
    store: &Arc<impl TokenStore>,
    issuer: &str,
    subject: &str,
    token: Option<&str>,
    session: Option<&str>,
) -> (bool, bool, Option<SystemTime>) {
    let names = RevocationQuery {
        issuer,
        subject,
        token,
        session,
    };
    let RevocationStatus {
        token,
        session,
        cut_off,
        ..
    } = store.revoked(names).await.unwrap();
    (token, session, cut_off)
}

/// All pages of them.
pub(crate) async fn revocations(store: &impl TokenStore, now: SystemTime) -> Vec<Revocation> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.revocations(now, after.as_deref()).await.unwrap();
        all.extend(page.revocations);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

/// Up to when the sessions of a subject are ended.
async fn ended(store: &Arc<impl TokenStore>, issuer: &str, subject: &str) -> Option<u64> {
    let names = RevocationQuery {
        issuer,
        subject,
        token: None,
        session: None,
    };
    store.revoked(names).await.unwrap().begun
}

/// Runs every case for a store of tokens. The last one purges the store.
pub(crate) async fn all(store: &Arc<impl TokenStore>) {
    a_family_is_found_as_it_was_begun(store).await;
    families_of_a_subject_are_listed_in_pages(store).await;
    only_the_current_token_is_rotated(store).await;
    one_of_a_hundred_concurrent_calls_rotates(store).await;
    an_ended_family_is_not_rotated_and_its_session_is_revoked(store).await;
    ending_all_families_of_a_subject_leaves_those_of_others(store).await;
    a_family_of_another_issuer_is_not_ended(store).await;
    a_family_begins_after_all_that_were_ended_whatever_the_clocks(store).await;
    an_ended_family_is_kept_no_longer_than_its_revocation(store).await;
    revoked_families_are_not_rotated(store).await;
    a_family_that_begins_while_all_are_ended_is_ended_or_reported(store).await;
    kinds_of_revocation_are_independent(store).await;
    all_revocations_are_listed_in_pages(store).await;
    revocations_only_move_forward(store).await;
    // After what counts all revocations.
    any_number_of_sessions_is_ended_in_time(store).await;
    names_from_tokens_may_be_anything(store).await;
    times_out_of_range_are_clamped(store).await;
    // What it deletes is of other cases as well.
    purging_removes_only_expired_entries(store).await;
}

async fn a_family_is_found_as_it_was_begun(store: &Arc<impl TokenStore>) {
    let one = family("begun", "s1", "f1");
    assert_eq!(store.begin_family(&one).await.unwrap(), None);
    assert_eq!(store.family(&one.id).await.unwrap(), Some(one));
    for nobody in ["begun/F1", "", "begun/f1\0", "%"] {
        assert_eq!(store.family(nobody).await.unwrap(), None);
        let rotated = store.rotate(rotation(nobody, &[1; 32], &[2; 32]));
        assert!(!rotated.await.unwrap());
    }
}

async fn families_of_a_subject_are_listed_in_pages(store: &Arc<impl TokenStore>) {
    let begin = async |issuer: &str, subject: &str, id: &str, begun: u64| {
        let mut one = family(issuer, subject, id);
        one.begun = begun;
        store.begin_family(&one).await.unwrap();
        one
    };
    let first = begin("listed", "s1", "a", 1_000).await;
    let second = begin("listed", "s1", "B", 2_000).await;
    let third = begin("listed", "s1", "b", 2_000).await;
    let last = begin("listed", "s1", "c", u64::MAX / 4).await;
    let mut ended = begin("listed", "s1", "ended", 3_000).await;
    let end = store.end_family("listed", &ended.id, at(4_000_000_500));
    end.await.unwrap();
    ended.ended = true;
    for (issuer, subject) in [("listed", "S1"), ("listed", "s"), ("Listed", "s1")] {
        begin(issuer, subject, &format!("{subject}, another"), 2_000).await;
    }
    let page = async |now, after, with_ended, limit| {
        let (issuer, subject) = ("listed", "s1");
        let families = store.families_of(FamilyQuery {
            issuer,
            subject,
            now: at(now),
            after,
            with_ended,
            limit,
        });
        families.await.unwrap()
    };
    let now = 4_000_000_000;
    let last_begun = store.family(&last.id).await.unwrap().unwrap().begun;
    let last = RefreshTokenFamily {
        begun: last_begun,
        ..last
    };
    let all = [last.clone(), third.clone(), second.clone(), first.clone()];
    assert_eq!(page(now, None, false, 100).await, all);
    let all = [
        last.clone(),
        ended,
        third.clone(),
        second.clone(),
        first.clone(),
    ];
    assert_eq!(page(now, None, true, 100).await, all);
    assert_eq!(page(now, None, false, 2).await, [last, third.clone()]);
    let after = Some((third.begun, &*third.id));
    assert_eq!(
        page(now, after, false, 2).await,
        [second.clone(), first.clone()]
    );
    let after = Some((second.begun, &*second.id));
    assert_eq!(
        page(now, after, false, 2).await,
        std::slice::from_ref(&first)
    );
    // A position that no family has, or that no store has an id for.
    assert_eq!(page(now, Some((1_001, "x")), false, 2).await, [first]);
    let nothing: [RefreshTokenFamily; 0] = [];
    assert_eq!(page(now, Some((1_000, "")), false, 2).await, nothing);
    page(now, Some((u64::MAX, "\0")), false, 2).await;
    // The time at which they end is not within.
    assert_eq!(page(4_000_000_199, None, false, 9).await.len(), 4);
    assert_eq!(page(4_000_000_200, None, false, 9).await, nothing);
    for (issuer, subject) in [("listed", "nobody\0"), ("nobody", "s1"), ("", "")] {
        let families = store.families_of(FamilyQuery {
            issuer,
            subject,
            now: at(now),
            after: None,
            with_ended: true,
            limit: 9,
        });
        assert_eq!(families.await.unwrap(), nothing);
    }
}

async fn only_the_current_token_is_rotated(store: &Arc<impl TokenStore>) {
    let mut one = family("rotated", "s1", "f1");
    store.begin_family(&one).await.unwrap();
    let rotate =
        |spent, successor| store.rotate(rotation("rotated/f1", &[spent; 32], &[successor; 32]));
    assert!(!rotate(2, 3).await.unwrap());
    assert!(rotate(1, 2).await.unwrap());
    assert!(!rotate(1, 2).await.unwrap());
    one.current = [2; 32];
    one.rotated_at = at(4_000_000_010) + Duration::from_millis(7);
    one.expires_at = at(4_000_000_110);
    assert_eq!(store.family(&one.id).await.unwrap(), Some(one));
    assert!(rotate(2, 3).await.unwrap());
}

async fn one_of_a_hundred_concurrent_calls_rotates(store: &Arc<impl TokenStore>) {
    let one = family("rotated at once", "s1", "f1");
    store.begin_family(&one).await.unwrap();
    for round in 1..4 {
        let rotated = at_once(store, |store, number| {
            let mut successor = [round + 1; 32];
            // All successors are others, and each round knows which comes next.
            successor[0] = number as u8;
            let mut spent = [round; 32];
            spent[0] = if round == 1 { 1 } else { 255 };
            store.rotate(rotation(&one.id, &spent, &successor))
        });
        let rotated = rotated.await;
        assert_eq!(rotated.iter().filter(|rotated| **rotated).count(), 1);
        let winner = rotated.iter().position(|rotated| *rotated).unwrap();
        let mut current = [round + 1; 32];
        current[0] = winner as u8;
        let found = store.family(&one.id).await.unwrap().unwrap();
        assert_eq!(found.current, current);
        let mut next = current;
        next[0] = 255;
        let rotated = store.rotate(rotation(&one.id, &current, &next));
        assert!(rotated.await.unwrap());
    }
}

async fn an_ended_family_is_not_rotated_and_its_session_is_revoked(store: &Arc<impl TokenStore>) {
    let mut one = family("ended", "s1", "f1");
    store.begin_family(&one).await.unwrap();
    store
        .begin_family(&family("ended", "s1", "f2"))
        .await
        .unwrap();
    let ended = store.end_family("ended", &one.id, at(4_000_000_500));
    ended.await.unwrap();
    one.ended = true;
    assert_eq!(store.family(&one.id).await.unwrap(), Some(one.clone()));
    let rotated = store.rotate(rotation(&one.id, &[1; 32], &[2; 32]));
    assert!(!rotated.await.unwrap());
    let session = revoked(store, "ended", "s1", None, Some(&one.id)).await;
    assert_eq!(session, (false, true, None));
    let session = revoked(store, "another", "s1", None, Some(&one.id)).await;
    assert_eq!(session, (false, false, None));
    assert!(!store.family("ended/f2").await.unwrap().unwrap().ended);
    // A session whose family is not here, or has a name that no family has.
    for id in ["ended/unknown", "ended/\0"] {
        store
            .end_family("ended", id, at(4_000_000_500))
            .await
            .unwrap();
        let session = revoked(store, "ended", "s1", None, Some(id)).await;
        assert_eq!(session, (false, true, None));
    }
}

async fn ending_all_families_of_a_subject_leaves_those_of_others(store: &Arc<impl TokenStore>) {
    let families = [
        (family("all", "s1", "f1"), true),
        (family("all", "s1", "f2"), true),
        (family("all", "S1", "f3"), false),
        (family("all, too", "s1", "f4"), false),
    ];
    for (family, _) in &families {
        store.begin_family(family).await.unwrap();
    }
    let (cut_off, until) = (at(4_000_000_050), at(4_000_000_500));
    for _ in 0..2 {
        let ended = store.end_families_of("all", "s1", cut_off, until);
        assert_eq!(ended.await.unwrap(), 4_000_000_050_000);
    }
    for (family, ended) in &families {
        let found = store.family(&family.id).await.unwrap().unwrap();
        assert_eq!(found.ended, *ended, "{family:?}");
    }
    let known = revoked(store, "all", "s1", None, Some("all/f1")).await;
    assert_eq!(known, (false, false, Some(cut_off)));
    assert_eq!(ended(store, "all", "s1").await, Some(4_000_000_050_000));
    assert_eq!(ended(store, "all", "S1").await, None);
    assert_eq!(revoked(store, "all", "S1", None, None).await.2, None);
    let told = store
        .begin_family(&family("all", "s1", "f5"))
        .await
        .unwrap();
    assert_eq!(told, Some(4_000_000_050_000));
    let begun = store.family("all/f5").await.unwrap().unwrap();
    assert!(!begun.ended);
    assert_eq!(begun.begun, 4_000_000_050_001);
    let ended = store.end_families_of("all", "nobody\0", cut_off, until);
    ended.await.unwrap();
    assert_eq!(
        revoked(store, "all", "nobody\0", None, None).await.2,
        Some(cut_off)
    );
}

async fn a_family_of_another_issuer_is_not_ended(store: &Arc<impl TokenStore>) {
    let one = family("one issuer", "s1", "f1");
    store.begin_family(&one).await.unwrap();
    let until = at(4_000_000_500);
    let end = store.end_family("another issuer", &one.id, until);
    end.await.unwrap();
    assert!(!store.family(&one.id).await.unwrap().unwrap().ended);
}

async fn a_family_begins_after_all_that_were_ended_whatever_the_clocks(
    store: &Arc<impl TokenStore>,
) {
    let begin = async |id: &str, begun: u64| {
        let mut family = family("clocks", "s1", id);
        family.begun = begun;
        let told = store.begin_family(&family).await.unwrap();
        let begun = store.family(&family.id).await.unwrap().unwrap().begun;
        (told, begun)
    };
    let end = async |seconds| {
        let ended = store.end_families_of("clocks", "s1", at(seconds), at(4_000_000_500));
        ended.await.unwrap()
    };
    // By a clock that is ahead, then by one that is behind.
    assert_eq!(begin("f1", 5_000_000).await, (None, 5_000_000));
    assert_eq!(end(1_000).await, 5_000_000);
    assert_eq!(begin("f2", 1_000_500).await, (Some(5_000_000), 5_000_001));
    assert_eq!(end(1_001).await, 5_000_001);
    assert_eq!(begin("f3", 1_001_500).await.1, 5_000_002);
    // An end that was set far ahead keeps nobody out.
    assert_eq!(end(9_000).await, 9_000_000);
    assert_eq!(begin("f4", 1_002_500).await.1, 9_000_001);
    for (id, is_ended) in [("f1", true), ("f2", true), ("f3", true), ("f4", false)] {
        let family = store.family(&format!("clocks/{id}")).await.unwrap();
        assert_eq!(family.unwrap().ended, is_ended, "{id}");
    }
}

async fn revoked_families_are_not_rotated(store: &Arc<impl TokenStore>) {
    for (id, begun) in [("one", 1_000), ("early", 2_000), ("late", 2_001)] {
        let mut family = family("not rotated", "s1", id);
        family.begun = begun;
        store.begin_family(&family).await.unwrap();
    }
    let issuer = "not rotated".to_owned();
    let session = Revocation::Session {
        issuer: issuer.clone(),
        id: "not rotated/one".to_owned(),
        until: at(4_000_000_150),
    };
    let rotates = async |id: &str, token: u8| {
        let id = format!("not rotated/{id}");
        let rotated = store.rotate(rotation(&id, &[token; 32], &[token + 1; 32]));
        rotated.await.unwrap()
    };
    store.revoke(&session).await.unwrap();
    assert!(!rotates("one", 1).await && rotates("early", 1).await);
    let sessions = Revocation::Sessions {
        issuer,
        subject: "s1".to_owned(),
        begun: 2_000,
        until: at(4_000_000_150),
    };
    store.revoke(&sessions).await.unwrap();
    assert!(!rotates("early", 2).await && rotates("late", 1).await);
    let ended = store.family("not rotated/early").await.unwrap().unwrap();
    assert_eq!((ended.ended, ended.ends_at), (true, at(4_000_000_150)));
}

async fn an_ended_family_is_kept_no_longer_than_its_revocation(store: &Arc<impl TokenStore>) {
    for id in ["one", "all"] {
        let family = family("kept", id, id);
        store.begin_family(&family).await.unwrap();
    }
    let until = at(4_000_000_150);
    store.end_family("kept", "kept/one", until).await.unwrap();
    let ended = store.end_families_of("kept", "all", at(4_000_000_050), until);
    ended.await.unwrap();
    for id in ["kept/one", "kept/all"] {
        let family = store.family(id).await.unwrap().unwrap();
        assert_eq!((family.ended, family.ends_at), (true, until));
    }
    // The end of a family does not move forward.
    let later = store.end_family("kept", "kept/one", at(4_000_000_900));
    later.await.unwrap();
    let family = store.family("kept/one").await.unwrap().unwrap();
    assert_eq!(family.ends_at, until);
}

async fn any_number_of_sessions_is_ended_in_time(store: &Arc<impl TokenStore>) {
    const SESSIONS: usize = 6_000;
    for chunk in (0..SESSIONS).collect::<Vec<_>>().chunks(50) {
        let begun = chunk.iter().map(|number| {
            let family = family("many", "s1", &format!("f{number}"));
            let store = Arc::clone(store);
            tokio::spawn(async move { store.begin_family(&family).await.unwrap() })
        });
        for begun in begun.collect::<Vec<_>>() {
            begun.await.unwrap();
        }
    }
    let (cut_off, until) = (at(4_000_000_050), at(4_000_000_500));
    let ended = store.end_families_of("many", "s1", cut_off, until).await;
    assert_eq!(ended.unwrap(), 4_000_000_050_000);
    for number in [0, 1, SESSIONS - 2, SESSIONS - 1] {
        let id = format!("many/f{number}");
        assert!(store.family(&id).await.unwrap().unwrap().ended);
    }
}

async fn a_family_that_begins_while_all_are_ended_is_ended_or_reported(
    store: &Arc<impl TokenStore>,
) {
    for round in 0..20 {
        let subject = format!("s{round}");
        let begun = family("while", &subject, &format!("f{round}"));
        let (cut_off, until) = (at(4_000_000_050), at(4_000_000_500));
        let begin = tokio::spawn(store.begin_family(&begun));
        let end = tokio::spawn(store.end_families_of("while", &subject, cut_off, until));
        let (told, ended) = (begin.await.unwrap().unwrap(), end.await.unwrap());
        ended.unwrap();
        let found = store.family(&begun.id).await.unwrap().unwrap();
        let is_after = told == Some(4_000_000_050_000) && found.begun == 4_000_000_050_001;
        assert!(found.ended || is_after, "in round {round}");
    }
}

async fn kinds_of_revocation_are_independent(store: &Arc<impl TokenStore>) {
    let (issuer, until) = ("kinds".to_owned(), at(4_000_000_500));
    let kinds = [
        Revocation::Token {
            issuer: issuer.clone(),
            id: "x".to_owned(),
            until,
        },
        Revocation::Session {
            issuer: issuer.clone(),
            id: "y".to_owned(),
            until,
        },
        Revocation::Subject {
            issuer: issuer.clone(),
            subject: "z".to_owned(),
            cut_off: at(4_000_000_001),
            until,
        },
        Revocation::Sessions {
            issuer,
            subject: "z".to_owned(),
            begun: 4_000_000_002_003,
            until,
        },
    ];
    for revocation in &kinds {
        store.revoke(revocation).await.unwrap();
    }
    let known = |subject: &'static str, token, session| {
        revoked(store, "kinds", subject, Some(token), Some(session))
    };
    assert_eq!(
        known("z", "x", "y").await,
        (true, true, Some(at(4_000_000_001)))
    );
    assert_eq!(ended(store, "kinds", "z").await, Some(4_000_000_002_003));
    assert_eq!(ended(store, "kinds", "x").await, None);
    assert_eq!(known("x", "y", "z").await, (false, false, None));
    assert_eq!(known("y", "z", "x").await, (false, false, None));
    assert_eq!(known("Z", "X", "Y").await, (false, false, None));
    let none = revoked(store, "kinds", "x", None, None).await;
    assert_eq!(none, (false, false, None));

    let of_here = |revocation: &Revocation| {
        let (Revocation::Token { issuer, .. }
        | Revocation::Session { issuer, .. }
        | Revocation::Subject { issuer, .. }
        | Revocation::Sessions { issuer, .. }) = revocation;
        issuer == "kinds"
    };
    let all = revocations(&**store, at(4_000_000_499)).await;
    let here: Vec<_> = all
        .iter()
        .filter(|revocation| of_here(revocation))
        .collect();
    assert_eq!(here.len(), 4);
    assert!(kinds.iter().all(|revocation| here.contains(&revocation)));
    let later = revocations(&**store, at(4_000_000_500)).await;
    assert!(!later.iter().any(of_here));
}

async fn all_revocations_are_listed_in_pages(store: &Arc<impl TokenStore>) {
    for round in 0..21 {
        let revoked = at_once(store, |store, number| {
            store.revoke(&Revocation::Session {
                issuer: "many".to_owned(),
                id: format!("{round}-{number}"),
                until: at(4_000_000_100),
            })
        });
        revoked.await;
    }
    let all = revocations(&**store, at(4_000_000_000)).await;
    let mut ids: Vec<_> = all
        .iter()
        .filter_map(|revocation| match revocation {
            Revocation::Session { issuer, id, .. } if issuer == "many" => Some(id),
            _ => None,
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 2_100);
}

async fn revocations_only_move_forward(store: &Arc<impl TokenStore>) {
    let times = [
        ((100, 4_000_000_200), (100, 4_000_000_200)),
        ((50, 4_000_000_100), (100, 4_000_000_200)),
        ((150, 4_000_000_150), (150, 4_000_000_200)),
        ((120, 4_000_000_300), (150, 4_000_000_300)),
    ];
    for ((cut_off, until), kept) in times {
        let revocation = Revocation::Subject {
            issuer: "forward".to_owned(),
            subject: "s1".to_owned(),
            cut_off: at(cut_off),
            until: at(until),
        };
        store.revoke(&revocation).await.unwrap();
        let kept = Revocation::Subject {
            issuer: "forward".to_owned(),
            subject: "s1".to_owned(),
            cut_off: at(kept.0),
            until: at(kept.1),
        };
        assert!(
            revocations(&**store, at(4_000_000_000))
                .await
                .contains(&kept)
        );
    }
    store
        .end_families_of("forward", "s1", at(10), at(4_000_000_010))
        .await
        .unwrap();
    assert_eq!(
        revoked(store, "forward", "s1", None, None).await.2,
        Some(at(150))
    );
    for (begun, kept) in [(900, 900), (700, 900), (901, 901)] {
        let sessions = Revocation::Sessions {
            issuer: "forward".to_owned(),
            subject: "s3".to_owned(),
            begun,
            until: at(4_000_000_200),
        };
        store.revoke(&sessions).await.unwrap();
        assert_eq!(ended(store, "forward", "s3").await, Some(kept));
        // The other time of the subject stays as it is.
        assert_eq!(revoked(store, "forward", "s3", None, None).await.2, None);
        assert_eq!(ended(store, "forward", "s2").await, None);
    }
    for until in [4_000_000_200, 4_000_000_100] {
        store.end_family("forward", "f1", at(until)).await.unwrap();
    }
    let kept = Revocation::Session {
        issuer: "forward".to_owned(),
        id: "f1".to_owned(),
        until: at(4_000_000_200),
    };
    assert!(
        revocations(&**store, at(4_000_000_000))
            .await
            .contains(&kept)
    );
    let many = at_once(store, |store, number| {
        store.revoke(&Revocation::Subject {
            issuer: "forward".to_owned(),
            subject: "s2".to_owned(),
            cut_off: at(number as u64),
            until: at(4_000_000_200),
        })
    });
    many.await;
    assert_eq!(
        revoked(store, "forward", "s2", None, None).await.2,
        Some(at(99))
    );
}

async fn names_from_tokens_may_be_anything(store: &Arc<impl TokenStore>) {
    // Random, so that no database makes it short.
    let mut state = 1u64;
    let mut long = String::new();
    while long.len() < 16_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        long.push(char::from(b'!' + (state >> 33) as u8 % 90));
    }
    for name in [
        "",
        "\0",
        "a\0b",
        "日本語 🦀",
        "'; DROP TABLE auth_revocations; --",
        &long,
    ] {
        let before = revoked(store, name, name, Some(name), Some(name)).await;
        assert_eq!(before, (false, false, None), "{name:?}");
        let (issuer, id) = (name.to_owned(), name.to_owned());
        let until = at(4_000_000_200);
        let revocation = Revocation::Token { issuer, id, until };
        store.revoke(&revocation).await.unwrap();
        let after = revoked(store, name, name, Some(name), Some(name)).await;
        assert_eq!(after, (true, false, None), "{name:?}");
        let all = revocations(&**store, at(4_000_000_000)).await;
        assert!(all.contains(&revocation), "{name:?}");
    }
}

async fn times_out_of_range_are_clamped(store: &Arc<impl TokenStore>) {
    let far = at(i64::MAX as u64);
    let mut one = family("far", "s1", "f1");
    (one.rotated_at, one.expires_at, one.ends_at) = (far, far, far);
    one.begun = u64::MAX;
    store.begin_family(&one).await.unwrap();
    let mut turned = rotation(&one.id, &[1; 32], &[2; 32]);
    (turned.at, turned.expires_at) = (far, far);
    assert!(store.rotate(turned).await.unwrap());
    let found = store.family(&one.id).await.unwrap().unwrap();
    assert!(found.ends_at >= at(253_402_300_799));
    let ended = store.end_families_of("far", "s1", far, far).await.unwrap();
    assert!(ended >= 253_402_300_799_000);
    store
        .begin_family(&family("far", "s1", "f2"))
        .await
        .unwrap();
    revocations(&**store, far).await;
    assert!(revoked(store, "far", "s1", None, None).await.2 >= Some(at(253_402_300_799)));
}

async fn purging_removes_only_expired_entries(store: &Arc<impl TokenStore>) {
    store.purge_tokens(at(1_000_000_000)).await.unwrap();
    // More than one batch.
    for number in 0..700 {
        let mut over = family("purged", "s1", &format!("over {number}"));
        over.ends_at = at(1_000_000_000 + number);
        store.begin_family(&over).await.unwrap();
    }
    let revocation = |until| Revocation::Token {
        issuer: "purged".to_owned(),
        id: format!("t{until}"),
        until: at(until),
    };
    for until in [1_000_000_100, 1_000_000_699, 1_000_000_700] {
        store.revoke(&revocation(until)).await.unwrap();
    }
    assert_eq!(store.purge_tokens(at(999_999_999)).await.unwrap(), 0);
    assert_eq!(store.purge_tokens(at(1_000_000_698)).await.unwrap(), 700);
    assert_eq!(store.family("purged/over 698").await.unwrap(), None);
    assert!(store.family("purged/over 699").await.unwrap().is_some());
    let known = |token| revoked(store, "purged", "s1", Some(token), None);
    assert!(!known("t1000000100").await.0);
    assert!(known("t1000000699").await.0);
    assert_eq!(store.purge_tokens(at(1_000_000_699)).await.unwrap(), 2);
    assert!(!known("t1000000699").await.0);
    assert!(known("t1000000700").await.0);
}
