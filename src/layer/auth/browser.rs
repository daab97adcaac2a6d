//! Requests of browsers: navigations, and those of scripts.

use http::{HeaderName, Method, header::ACCEPT, request::Parts};

const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// Returns whether a browser is going to show the response as the page of a tab (Fetch Metadata
/// sections 2.1 and 2.2). A browser that does not send these fields asks for HTML.
pub(super) fn is_top_level_navigation(head: &Parts) -> bool {
    let field = |name| head.headers.get(name);
    let navigates = match (field(MODE), field(DEST)) {
        (Some(mode), Some(dest)) => mode == "navigate" && dest == "document",
        (None, None) => field(SITE).is_none() && wants_html(head),
        _ => false,
    };
    navigates && matches!(head.method, Method::GET | Method::POST)
}

fn wants_html(head: &Parts) -> bool {
    let mut fields = head.headers.get_all(ACCEPT).iter();
    fields.any(|field| {
        let text = field.to_str().unwrap_or_default();
        let mut ranges = text.split(',').filter_map(|range| range.split(';').next());
        ranges.any(|range| range.trim().eq_ignore_ascii_case("text/html"))
    })
}

/// Returns whether a script or a part of a page sent the request, and not the user by a navigation.
/// Libraries of the time before Fetch Metadata say so by `X-Requested-With`.
pub(super) fn is_script(head: &Parts) -> bool {
    let mode = head.headers.get(MODE);
    let requested_with = head.headers.get(REQUESTED_WITH);
    mode.is_some_and(|mode| mode != "navigate")
        || requested_with.is_some_and(|by| by.as_bytes().eq_ignore_ascii_case(b"XMLHttpRequest"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn head(method: Method, fields: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_top_level_navigation_is_a_page_of_a_tab() {
        let html = ("accept", "text/html,application/xhtml+xml;q=0.9");
        let navigate = ("sec-fetch-mode", "navigate");
        let document = ("sec-fetch-dest", "document");
        for (fields, expected) in [
            (&[navigate, document][..], true),
            (&[navigate, ("sec-fetch-dest", "iframe")], false),
            (&[("sec-fetch-mode", "cors"), document, html], false),
            (&[navigate, html], false),
            (&[html], true),
            (&[html, ("sec-fetch-site", "none")], false),
            (&[("accept", "*/*")], false),
            (&[], false),
        ] {
            let seen = is_top_level_navigation(&head(Method::GET, fields));
            assert_eq!(seen, expected, "{fields:?}");
            assert!(!is_top_level_navigation(&head(Method::HEAD, fields)));
        }
    }

    #[test]
    fn a_script_is_known_by_its_mode_or_its_library() {
        for (fields, expected) in [
            (&[("sec-fetch-mode", "cors")][..], true),
            (&[("sec-fetch-mode", "no-cors")], true),
            (&[("x-requested-with", "xmlhttprequest")], true),
            (&[("sec-fetch-mode", "navigate")], false),
            (&[("x-requested-with", "com.example.app")], false),
            (&[], false),
        ] {
            assert_eq!(
                is_script(&head(Method::GET, fields)),
                expected,
                "{fields:?}"
            );
        }
    }
}
