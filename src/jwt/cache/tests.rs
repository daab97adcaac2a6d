use super::*;
use crate::{Identity, identity::Names, json::Object};
use proptest::prelude::*;
use std::collections::HashMap;

const ALWAYS: Window = Window {
    from: 0,
    until: u64::MAX,
};

fn identity(token: &str) -> Identity {
    let text = format!("{{\"sub\":\"{token}\"}}");
    let mut claims = Object::parse(text.into_bytes()).unwrap();
    claims.keep_behind(token);
    Identity::new(token).with_claims(claims, Names::default(), Names::default())
}

fn cache(entries: usize, bytes: usize) -> Cache {
    Cache::new(Limits {
        entries,
        bytes,
        time_to_live: LONGEST,
    })
    .unwrap()
}

fn insert(cache: &Cache, token: &str, generation: u64, window: Window, now: u64) {
    let hash = cache.hash(token.as_bytes());
    cache.insert(hash, identity(token), generation, window, now);
}

fn get(cache: &Cache, token: &str, generation: u64, now: u64) -> Option<String> {
    let hash = cache.hash(token.as_bytes());
    let identity = cache.get(hash, token.as_bytes(), generation, now)?;
    Some(identity.subject().to_owned())
}

/// The number of tokens, and the bytes with those of the copies.
fn held(cache: &Cache) -> (usize, usize) {
    let shards = cache.shards.iter().map(|shard| shard.lock().unwrap());
    shards.fold((0, cache.near.bytes()), |(entries, bytes), shard| {
        (entries + shard.len(), bytes + shard.bytes())
    })
}

#[test]
fn a_token_is_cached_for_its_generation_and_its_time() {
    let cache = cache(100, 1 << 20);
    let window = Window {
        from: 10,
        until: 20,
    };
    insert(&cache, "a", 7, window, 15);
    check(&cache);
    // The same, once the lane has a copy.
    let bytes = held(&cache).1;
    for _ in 0..100 {
        assert_eq!(get(&cache, "a", 7, 15).as_deref(), Some("a"));
    }
    let (entries, with_copy) = held(&cache);
    assert_eq!(entries, 1);
    // The copy allocates no more than it needs.
    assert!((bytes + OVERHEAD..=2 * bytes).contains(&with_copy));
    check(&cache);
    insert(&cache, "a", 8, window, 15);
    assert_eq!(get(&cache, "a", 8, 15).as_deref(), Some("a"));
    assert_eq!(held(&cache).0, 1);
}

fn check(cache: &Cache) {
    assert_eq!(get(cache, "a", 7, 15).as_deref(), Some("a"));
    assert_eq!(get(cache, "a", 7, 19).as_deref(), Some("a"));
    assert_eq!(get(cache, "a", 7, 14), None, "the clock was set back");
    assert_eq!(get(cache, "a", 7, 20), None);
    assert_eq!(get(cache, "a", 6, 15), None);
    assert_eq!(get(cache, "a", 8, 15), None);
    assert_eq!(get(cache, "b", 7, 15), None);
}

#[test]
fn no_entry_outlives_five_minutes() {
    let cache = cache(100, 1 << 20);
    insert(&cache, "a", 0, ALWAYS, 1000);
    assert!(get(&cache, "a", 0, 1299).is_some());
    assert!(get(&cache, "a", 0, 1300).is_none());
}

#[test]
fn another_token_with_the_same_hash_is_not_taken_for_it() {
    let cache = cache(100, 1 << 20);
    let hash = cache.hash(b"a");
    cache.insert(hash, identity("a"), 0, ALWAYS, 0);
    assert!(cache.get(hash, b"a", 0, 0).is_some());
    assert!(cache.get(hash, b"b", 0, 0).is_none());
    assert!(cache.get(hash, b"", 0, 0).is_none());
    assert!(cache.get(hash, b"aa", 0, 0).is_none());
}

#[test]
fn tokens_that_end_alike_are_told_apart() {
    let cache = cache(100, 1 << 20);
    let [a, b] = ["a", "b"].map(|start| start.to_owned() + &"x".repeat(END));
    insert(&cache, &a, 0, ALWAYS, 0);
    assert_eq!(get(&cache, &a, 0, 0).as_ref(), Some(&a));
    assert_eq!(get(&cache, &b, 0, 0), None);
    assert_eq!(get(&cache, &a[1..], 0, 0), None);
    insert(&cache, &b, 0, ALWAYS, 0);
    assert_eq!(get(&cache, &b, 0, 0).as_ref(), Some(&b));
    assert_eq!(get(&cache, &a, 0, 0), None);
    assert_eq!(held(&cache).0, 1);
}

#[test]
fn used_tokens_stay_longer_than_others() {
    let cache = cache(50, 1 << 20);
    insert(&cache, "hot", 0, ALWAYS, 0);
    for n in 0..1000 {
        assert!(get(&cache, "hot", 0, 0).is_some(), "{n}");
        insert(&cache, &format!("cold{n}"), 0, ALWAYS, 0);
    }
}

#[test]
fn oversized_tokens_are_not_cached() {
    let cache = cache(50, 2000);
    insert(&cache, &"x".repeat(2000), 0, ALWAYS, 0);
    assert_eq!(held(&cache), (0, 0));
    insert(&cache, "small", 0, ALWAYS, 0);
    assert_eq!(held(&cache).0, 1);
}

#[test]
fn a_cache_without_room_is_none() {
    let limits = Limits::default();
    assert!(Cache::new(limits).is_some());
    assert!(
        Cache::new(Limits {
            entries: 0,
            ..limits
        })
        .is_none()
    );
    assert!(Cache::new(Limits { bytes: 0, ..limits }).is_none());
    let time_to_live = Duration::ZERO;
    assert!(
        Cache::new(Limits {
            time_to_live,
            ..limits
        })
        .is_none()
    );
}

proptest! {
    /// Whatever is done to it, it holds no more than it may, and says of no token what was
    /// not said of this very one.
    #[test]
    fn it_stays_within_its_limits_and_tells_the_truth(
        entries in 1..200usize,
        bytes in 700..20_000usize,
        steps in proptest::collection::vec((0..40u32, 0..3u64, 0..700u64, any::<bool>()), 1..200),
    ) {
        let cache = cache(entries, bytes);
        let mut said = HashMap::new();
        for (token, generation, now, is_insert) in steps {
            // Every other one ends as those beside it do.
            let end = "x".repeat(token as usize % 2 * END);
            let token = format!("token{token}{end}");
            if is_insert {
                insert(&cache, &token, generation, ALWAYS, now);
                said.insert((token.clone(), generation), now);
                let (held, used) = held(&cache);
                prop_assert!(held <= entries.div_ceil(cache.shards.len()) * cache.shards.len());
                prop_assert!(used <= bytes);
            } else if let Some(subject) = get(&cache, &token, generation, now) {
                prop_assert_eq!(&subject, &token);
                let since = said.get(&(token, generation)).copied();
                prop_assert!(since.is_some_and(|since| (since..since + 300).contains(&now)));
            }
        }
    }
}
