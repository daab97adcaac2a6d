//! How often a request allocates, and how much, beside the bare service: `cargo bench --bench
//! allocations`. The counts are exact; `tests/allocations.rs` holds them to their limits.

mod cases;

fn main() {
    let words: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    println!(
        "{:<38} {:>11} {:>5} {:>9}",
        "case", "allocations", "bare", "bytes"
    );
    for mut case in cases::named(&words) {
        case.run();
        let count = |run: &mut dyn FnMut()| allocation_counter::measure(run);
        let info = count(&mut || case.run());
        let bare = if case.has_bare() {
            count(&mut || case.run_bare()).count_total
        } else {
            0
        };
        println!(
            "{:<38} {:>11} {bare:>5} {:>9}",
            case.name, info.count_total, info.bytes_total
        );
    }
}
