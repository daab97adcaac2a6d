//! Accepted requests are logged at `DEBUG`, rejected ones at `INFO`.
//!
//! The test has a process of its own, because the maximum level is one value per process.

mod common;

use common::{Probe, Toy, get, send};
use std::sync::{Arc, Mutex};
use tower::Layer;
use tower_auth::AuthLayer;
use tracing::{Event, Level, Metadata, Subscriber, level_filters::LevelFilter, span};

/// Listens to events down to a level.
struct Listener {
    level: LevelFilter,
    heard: Arc<Mutex<Vec<Level>>>,
}

impl Subscriber for Listener {
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target() == "tower_auth" {
            self.heard.lock().unwrap().push(*event.metadata().level());
        }
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[test]
fn accepted_requests_are_logged_at_debug_and_rejected_ones_at_info() {
    let toy = AuthLayer::new(Toy::authorization("Toy"));
    let service = toy.layer(Probe::new());
    for (level, expected) in [
        (LevelFilter::TRACE, &[Level::DEBUG, Level::INFO][..]),
        (LevelFilter::DEBUG, &[Level::DEBUG, Level::INFO]),
        (LevelFilter::INFO, &[Level::INFO]),
        (LevelFilter::WARN, &[]),
        (LevelFilter::OFF, &[]),
    ] {
        let heard = Arc::default();
        let listener = Listener {
            level,
            heard: Arc::clone(&heard),
        };
        tracing::subscriber::with_default(listener, || {
            common::block_on(async {
                send(&service, get("/", &[("authorization", "Toy ann")])).await;
                send(&service, get("/", &[])).await;
            });
        });
        assert_eq!(*heard.lock().unwrap(), expected, "{level}");
    }
}
