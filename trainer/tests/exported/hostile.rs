//! Gives the reader of exported networks files that are cut, have bits flipped, or whose JSON is edited at random:
//! each must be read or refused, and none may lead to a panic.

use serde_json::Value;
use trainer::network::graph::program::Graph;

use super::{all, edited, explore, fixture, replaced};

/// Pseudorandom numbers (a linear congruential generator, with Knuth's constants), the same in every run.
struct Random(u64);

impl Random {
    /// A number from 0 to `n` − 1.
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

#[test]
fn cut_files_are_refused() {
    let bytes = fixture("convolutions.pt2");
    let near_the_end = bytes.len() - 300..bytes.len();
    for length in (0..bytes.len()).step_by(61).chain(near_the_end) {
        assert!(all(&bytes[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn flipped_bits_change_nothing_or_are_refused() {
    let bytes = fixture("convolutions.pt2");
    let graph = all(&bytes).unwrap();
    let mut random = Random(1);
    let mut n_refused = 0;
    for at in (0..bytes.len()).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << random.below(8);
        match all(&flipped) {
            Ok(found) => assert_eq!(found, graph, "byte {at}"),
            Err(_) => n_refused += 1,
        }
    }
    assert!(n_refused > 2000, "{n_refused} of {}", bytes.len() / 7);
}

/// A place in a JSON value, chosen at random.
fn place<'a>(value: &'a mut Value, random: &mut Random) -> &'a mut Value {
    let mut here = value;
    loop {
        let n_parts = match here {
            Value::Array(parts) => parts.len(),
            Value::Object(parts) => parts.len(),
            _ => 0,
        };
        if n_parts == 0 || random.below(6) == 0 {
            return here;
        }
        let part = random.below(n_parts);
        here = match here {
            Value::Array(parts) => &mut parts[part],
            Value::Object(parts) => parts.values_mut().nth(part).expect("it has so many"),
            _ => unreachable!("it has no parts"),
        };
    }
}

/// Changes a JSON value in one place.
fn change(value: &mut Value, random: &mut Random) {
    const NUMBERS: [i64; 10] = [0, 1, -1, 2, 3, 7, 1 << 32, 1 << 40, i64::MAX, i64::MIN];
    let other = place(value, random).clone();
    let here = place(value, random);
    match (&mut *here, random.below(5)) {
        (Value::Array(parts), 0) => drop(parts.pop()),
        (Value::Array(parts), 1) if !parts.is_empty() => {
            let part = parts[random.below(parts.len())].clone();
            parts.push(part);
        }
        (Value::Array(parts), 2) if !parts.is_empty() => {
            let (a, b) = (random.below(parts.len()), random.below(parts.len()));
            parts.swap(a, b);
        }
        (Value::Object(parts), 0) => {
            let key = parts.keys().nth(random.below(parts.len())).cloned();
            key.map(|key| parts.remove(&key));
        }
        (Value::Number(_), 0..4) => *here = NUMBERS[random.below(NUMBERS.len())].into(),
        _ => *here = other,
    }
}

#[test]
fn deep_json_in_a_field_that_is_not_read_does_no_harm() {
    let deep = format!(
        "\"verifiers\": {}{}",
        "[".repeat(1 << 18),
        "]".repeat(1 << 18)
    );
    let old = "\"verifiers\": [\"TRAINING\"]";
    let file = replaced("convolutions.pt2", "models/model.json", old, &deep);
    assert_eq!(
        all(&file).unwrap(),
        all(&fixture("convolutions.pt2")).unwrap()
    );
}

#[test]
fn edited_programs_are_read_or_refused() {
    let mut random = Random(2);
    for (name, n_edits) in [("convolutions.pt2", 1500), ("tokens.pt2", 700)] {
        let mut n_read = 0;
        for _ in 0..n_edits {
            let entry = ["models/model.json", "model_weights_config.json"][random.below(4) / 3];
            let seed = random.below(usize::MAX);
            let file = edited(name, entry, |bytes| {
                let mut value: Value = serde_json::from_slice(&bytes).unwrap();
                let mut random = Random(seed as u64);
                for _ in 0..=random.below(3) {
                    // Most of the program is metadata, where changes say little.
                    let parts = [
                        "",
                        "/config",
                        "/graph_module/graph",
                        "/graph_module/graph/nodes",
                    ];
                    let part = value.pointer_mut(parts[random.below(parts.len())]);
                    part.into_iter().for_each(|part| change(part, &mut random));
                }
                value.to_string().into_bytes()
            });
            n_read += usize::from(all(&file).is_ok());
        }
        assert!(n_read < n_edits, "{name}: {n_read} of {n_edits} read");
    }
}

#[test]
fn edited_graphs_are_read_or_refused() {
    let mut random = Random(3);
    for name in ["convolutions.pt2", "convolutions.core.pt2", "tokens.pt2"] {
        let json = all(&fixture(name)).unwrap().to_json();
        let value: Value = serde_json::from_str(&json).unwrap();
        let (mut n_read, n_edits) = (0, 3000);
        for _ in 0..n_edits {
            let mut edited = value.clone();
            for _ in 0..=random.below(2) {
                let part = edited.pointer_mut(["", "/nodes", "/values"][random.below(3)]);
                part.into_iter().for_each(|part| change(part, &mut random));
            }
            if let Ok(graph) = Graph::from_json(&edited.to_string()) {
                n_read += 1;
                explore(&graph);
            }
        }
        // If too few edited graphs passed the check, what comes after it would not be tried.
        assert!(
            (20..n_edits).contains(&n_read),
            "{name}: {n_read} of {n_edits} read"
        );
    }
}
