use super::*;
use http::Request;
use proptest::prelude::*;

fn stripped_uri(strip: &Strip, uri: &str) -> String {
    let mut head = Request::get(uri).body(()).unwrap().into_parts().0;
    strip.apply(&mut head);
    head.uri.to_string()
}

fn strip() -> Strip {
    Strip::new(
        &[Location::query("api_key"), Location::query("access token")],
        [],
    )
}

#[test]
fn every_occurrence_of_a_parameter_goes_and_the_rest_stays() {
    for (uri, stripped) in [
        ("/?api_key=K", "/"),
        ("/a/b?api_key=K", "/a/b"),
        ("/?api_key", "/"),
        ("/?api_key=", "/"),
        ("/?a=1&api_key=K", "/?a=1"),
        ("/?api_key=K&a=1", "/?a=1"),
        ("/?a=1&api_key=K&b=2", "/?a=1&b=2"),
        ("/?api_key=K&a=1&api_key=L&b=2&api_key", "/?a=1&b=2"),
        ("/?api%5Fkey=K&a", "/?a"),
        ("/?%61%70%69%5f%6b%65%79=K&a", "/?a"),
        ("/?api_key=K=K&a", "/?a"),
        ("/?access+token=K&a", "/?a"),
        ("/?access%20token=K&a", "/?a"),
        ("/?&&api_key=K&&a=%zz&=&b=?/&", "/?&&&a=%zz&=&b=?/&"),
        (
            "/?API_KEY=K&api_keys=K&xapi_key=K",
            "/?API_KEY=K&api_keys=K&xapi_key=K",
        ),
        ("/?api%5key=K", "/?api%5key=K"),
        ("/?a=api_key&b=%61+", "/?a=api_key&b=%61+"),
        ("/?", "/?"),
        ("/", "/"),
        (
            "https://h.example:1/p?api_key=K&a=1",
            "https://h.example:1/p?a=1",
        ),
        ("https://h.example?api_key=K", "https://h.example/"),
        ("//h.example/p?api_key=K", "//h.example/p"),
    ] {
        assert_eq!(stripped_uri(&strip(), uri), stripped, "{uri}");
    }
}

#[test]
fn without_query_locations_the_query_stays() {
    let strip = Strip::new(&[Location::header("x-api-key")], []);
    assert_eq!(stripped_uri(&strip, "/?api_key=K"), "/?api_key=K");
}

#[test]
fn every_field_of_credentials_is_marked_sensitive_and_no_other() {
    let strip = Strip::new(
        &[
            Location::authorization("Bearer"),
            Location::authorization("Basic"),
            Location::cookie("a"),
            Location::header("x-api-key"),
        ],
        [],
    );
    assert_eq!(strip.fields(), ["authorization", "cookie", "x-api-key"]);
    let mut head = Request::get("/")
        .header("authorization", "Bearer t")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("cookie", "c=3")
        .header("x-other", "d")
        .body(())
        .unwrap()
        .into_parts()
        .0;
    strip.apply(&mut head);
    for (name, value) in &head.headers {
        assert_eq!(value.is_sensitive(), name != "x-other", "{name}");
    }
    assert_eq!(head.headers.get_all("cookie").iter().count(), 3);
}

#[test]
fn fields_are_marked_among_any_number_of_others() {
    let strip = Strip::new(
        &[
            Location::authorization("Bearer"),
            Location::header("x-api-key"),
        ],
        [],
    );
    for others in 0..16 {
        for repeated in [false, true] {
            let mut request = Request::get("/");
            for other in 0..others {
                request = request.header(format!("x-other-{other}"), "a");
            }
            request = request.header("authorization", "Bearer t");
            request = request.header("x-api-key", "k");
            if repeated {
                request = request.header("x-api-key", "l");
            }
            let mut head = request.body(()).unwrap().into_parts().0;
            strip.apply(&mut head);
            for (name, value) in &head.headers {
                let is_secret = !name.as_str().starts_with("x-other");
                assert_eq!(value.is_sensitive(), is_secret, "{others} {name}");
            }
        }
    }
}

fn stripped_protocols(fields: &[&str]) -> Vec<String> {
    let strip = Strip::new(
        &[
            Location::websocket_protocol("bearer."),
            Location::websocket_protocol("key-"),
        ],
        [],
    );
    let mut request = Request::get("/");
    for field in fields {
        request = request.header(SEC_WEBSOCKET_PROTOCOL, *field);
    }
    let mut head = request.body(()).unwrap().into_parts().0;
    strip.apply(&mut head);
    let fields = head.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    fields.map(|f| f.to_str().unwrap().to_owned()).collect()
}

#[test]
fn subprotocols_that_are_credentials_go() {
    for (fields, stripped) in [
        (&["chat, bearer.t"][..], &["chat"][..]),
        (&["bearer.t,chat"], &["chat"]),
        (&["bearer.t"], &[]),
        (&["bearer."], &[]),
        (&["a,  bearer.t ,key-1,b"], &["a, b"]),
        (&["a", "bearer.t", "b"], &["a, b"]),
        (&["bearer.t", "bearer.u"], &[]),
        (&["\tbearer.t\t, a"], &["a"]),
        // Nothing of ours: byte for byte as it came.
        (&["a,b ,, c", "d"], &["a,b ,, c", "d"]),
        (&["Bearer.t, xbearer.t"], &["Bearer.t, xbearer.t"]),
        (&[], &[]),
    ] {
        assert_eq!(stripped_protocols(fields), stripped, "{fields:?}");
    }
}

proptest! {
    /// Pairs of the secret's name, encoded anyhow, and pairs of other names.
    #[test]
    fn a_query_keeps_exactly_the_pairs_of_other_names(
        pairs in proptest::collection::vec(
            prop_oneof![
                "(a|%61)(p|%70)i(_|%5F|%5f)key(=[a-zA-Z0-9%+=/]{0,6})?".prop_map(|pair| (true, pair)),
                "[b-z%+_0-9]{0,6}(=[!$-%'-;=?-~]{0,6})?".prop_map(|pair| (false, pair)),
            ],
            0..6,
        ),
    ) {
        let join = |keep_ours: bool| {
            let kept = pairs.iter().filter(|(ours, _)| keep_ours || !ours);
            kept.map(|(_, pair)| pair.as_str()).collect::<Vec<_>>()
        };
        let (all, others) = (join(true), join(false));
        let uri = format!("/p?{}", all.join("&"));
        let expected = match others.len() {
            // Nothing taken out: not even an empty query goes.
            len if len == all.len() => uri.clone(),
            0 => "/p".into(),
            _ => format!("/p?{}", others.join("&")),
        };
        prop_assert_eq!(stripped_uri(&strip(), &uri), expected);
    }

    /// Everything that a scheme would find is removed: afterwards nothing is found.
    #[test]
    fn nothing_is_found_in_what_was_stripped(
        query in "([apikey_%5F6170=&+]|api_key|api%5Fkey){0,24}",
        protocols in "([ber.,\t ]|bearer\\.){0,12}",
    ) {
        let locations = [Location::query("api_key"), Location::websocket_protocol("bearer.")];
        let mut head = Request::get(format!("/?{query}"))
            .header(SEC_WEBSOCKET_PROTOCOL, protocols)
            .body(())
            .unwrap()
            .into_parts()
            .0;
        Strip::new(&locations, []).apply(&mut head);
        prop_assert!(super::super::Locations::new(locations).find(&head).is_nothing());
    }

    #[test]
    fn any_uri_keeps_its_path(uri in "(https://h.example)?/[!$-;=@-Z_a-z|~]{0,12}[?][!$-;=?-~é]{0,24}") {
        let Ok(before) = uri.parse::<Uri>() else { return Ok(()) };
        let mut head = Request::get(&uri).body(()).unwrap().into_parts().0;
        Strip::new(&[Location::query("a")], []).apply(&mut head);
        prop_assert_eq!(head.uri.path(), before.path());
        prop_assert_eq!(head.uri.authority(), before.authority());
    }
}
