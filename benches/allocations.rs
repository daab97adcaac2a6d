//! How often a request allocates, and how much, beside the bare service: `cargo bench --bench
//! allocations`. The counts are exact; `tests/allocations.rs` holds them to their limits.

mod cases;

fn main() {
    let words: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    println!("{:<38} {:>11} {:>9}", "case", "allocations", "bytes");
    for mut case in cases::named(&words) {
        case.run();
        let info = allocation_counter::measure(|| case.run());
        println!(
            "{:<38} {:>11} {:>9}",
            case.name, info.count_total, info.bytes_total
        );
    }
}
