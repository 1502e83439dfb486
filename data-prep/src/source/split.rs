//! Defines [`Split`], the part of a data set that an image belongs to: train, val or test.

/// The part of a data set an image belongs to.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    clap::ValueEnum,
    strum::Display,
    strum::EnumString,
    strum::AsRefStr,
)]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_split)]
pub enum Split {
    /// For fitting.
    Train,
    /// For choosing checkpoints and thresholds.
    Val,
    /// For results.
    Test,
}

impl Split {
    /// All splits, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// Returns the split that a file or folder is named for: the name has a word for it, such as `valid` or
    /// the `val` in `instances_val2017`. `None` where the name has no such word, or words for different splits.
    pub(super) fn named_in(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let mut found = None;
        for word in name.split(|character: char| !character.is_alphabetic()) {
            let split = match word {
                "train" | "training" | "trainset" | "trainval" => Self::Train,
                "val" | "valid" | "validation" | "dev" => Self::Val,
                "test" | "testing" | "testset" => Self::Test,
                _ => continue,
            };
            if found.is_some_and(|found| found != split) {
                return None;
            }
            found = Some(split);
        }
        found
    }
}

fn no_split(text: &str) -> String {
    format!("{text:?} is not a split; expected train, val or test")
}

#[cfg(test)]
mod tests {
    use super::Split;

    #[test]
    fn a_split_is_told_by_a_word_of_the_name() {
        for (name, split) in [
            ("train", Some(Split::Train)),
            ("instances_val2017", Some(Split::Val)),
            ("Validation", Some(Split::Val)),
            ("test-images", Some(Split::Test)),
            ("training_set", Some(Split::Train)),
            ("protest", None),
            ("trains", None),
            ("train_val", None),
            ("images", None),
        ] {
            assert_eq!(Split::named_in(name), split, "{name}");
        }
    }
}
