//! For `trainer predict`: the names of a network's classes and the size of its input, and which classes of an image
//! are explained. A run's folder says names and size. A weight file may say the names, and that of a network from a
//! file says the size.

use std::path::Path;

use data_prep::dataset::Labels;
use data_prep::geometry::Grid;
use evaluator::metrics::pooled::{decided, is_predicted};

use crate::error::{Error, Result};
use crate::explain::stream::Subject;
use crate::network::Backbone;
use crate::predict::arguments::Arguments;
use crate::run::finished::FinishedRun;
use crate::weights::{checkpoint, classes, head};

/// The most class names that an error lists.
const MOST_LISTED: usize = 100;

/// A network's two ends.
pub struct Head {
    /// The names of its classes, in the order of its logits.
    pub classes: Vec<String>,
    /// The size of its input.
    pub grid: Grid,
}

impl Head {
    /// Reads the head of `subject`, which is of `run` if there is one.
    ///
    /// # Errors
    /// A size that the network does not take; a weight file without head; a number of names other than the head's
    /// number of classes; names that cannot be read.
    pub fn of(subject: &Subject, run: Option<&FinishedRun>, args: &Arguments) -> Result<Self> {
        let file = &subject.weights;
        let grid = match run {
            Some(run) => run.input,
            None => input(subject.backbone, args.size, file)?,
        };
        let (tensors, metadata) = checkpoint::load(file)?;
        let weight = subject.backbone.head[0];
        let found = tensors.iter().find(|(name, _)| name == weight);
        let expected = "the head's weights";
        let Some((_, found)) = found else {
            return Err(Error::invalid(file, weight, "no such tensor", expected));
        };
        let Some(n_classes) = head::n_classes(found, subject.backbone, file)? else {
            let found = format!("{:?}", found.size());
            return Err(Error::invalid(file, weight, found, expected));
        };
        let names = match (&args.class_names, metadata.get(classes::KEY)) {
            (Some(list), _) => {
                let text = fs_err::read_to_string(list)?;
                Some((list, text.lines().map(str::to_owned).collect()))
            }
            (None, Some(line)) => Some((file, classes::of_a_line(line))),
            (None, None) => None,
        };
        let classes = match names {
            Some((from, names)) if names.len() != n_classes => {
                let found = format!("{} names", names.len());
                let expected = format!("{n_classes}, as many as {} has outputs", file.display());
                return Err(Error::invalid(from, "classes", found, expected));
            }
            Some((_, names)) => names,
            None => {
                say!(
                    "note: {}: says no names of its {n_classes} classes, so they are called 0, 1, …; \
                     --class-names FILE names them",
                    file.display()
                );
                (0..n_classes).map(|class| class.to_string()).collect()
            }
        };
        Ok(Head { classes, grid })
    }
}

/// Returns the size of the input of a network without a run: `size`, that of `--size`, or the network's usual one.
///
/// # Errors
/// A size that the network, which is in the weight file `file`, does not take.
fn input(backbone: Backbone, size: Option<u16>, file: &Path) -> Result<Grid> {
    let [height, width] = match size {
        Some(side) => [usize::from(side); 2],
        None => backbone.usual_size(),
    };
    backbone.check_size([height, width]).map_err(|expected| {
        let found = height.to_string(); // as wide as high: the usual size is not refused
        Error::invalid(file, "--size", found, expected)
    })?;
    Ok(Grid { height, width })
}

/// Which classes of an image are explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// Those that are predicted to be on it: with any number of labels those with a logit of at least 0, with
    /// exactly one label the one with the highest logit.
    Predicted(Labels),
    /// As many as this, those with the highest logits.
    Top(usize),
    /// The same on every image.
    These(Vec<i32>),
}

impl Chosen {
    /// Reads the choice from the options.
    ///
    /// # Errors
    /// A class that the network does not have.
    pub fn of(args: &Arguments, head: &Head, subject: &Subject) -> Result<Self> {
        if let Some(top) = args.top {
            return Ok(Self::Top(top.into()));
        }
        if args.class.is_empty() {
            return Ok(Self::Predicted(subject.labels));
        }
        let id = |name: &String| {
            let known = head.classes.iter().position(|known| known == name);
            known.map(|id| id as i32).ok_or_else(|| {
                let expected = match head.classes.len() {
                    ..=MOST_LISTED => format!("one of {}", head.classes.join(", ")),
                    _ => format!(
                        "one of {}",
                        classes::listed(&classes::in_a_line(&head.classes))
                    ),
                };
                Error::invalid(&subject.weights, "--class", name, expected)
            })
        };
        let mut ids: Vec<i32> = args.class.iter().map(id).collect::<Result<_>>()?;
        ids.sort_unstable();
        ids.dedup();
        Ok(Self::These(ids))
    }

    /// Returns the classes to explain on an image with these logits, ascending.
    pub fn on(&self, logits: &[f32]) -> Vec<i32> {
        let mut ids: Vec<i32> = (0..logits.len() as i32).collect();
        let logit = |id: &i32| logits[*id as usize];
        match self {
            Self::Predicted(labels) => {
                let decided = decided(logits, *labels);
                ids.retain(|id| is_predicted(decided[*id as usize]));
            }
            Self::Top(count) => {
                ids.sort_by(|a, b| logit(b).total_cmp(&logit(a)));
                ids.truncate(*count);
                ids.sort_unstable();
            }
            Self::These(these) => ids.clone_from(these),
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Architecture;

    #[test]
    fn weights_have_the_size_that_their_network_was_exported_for() {
        let file = Path::new("net.safetensors");
        let found = |backbone: Backbone, size| {
            let input = input(backbone, size, file).map_err(|error| error.to_string());
            input.map(|grid| [grid.height, grid.width])
        };
        let Some(listed) = Backbone::all().next() else {
            panic!("no network is listed");
        };
        assert_eq!(found(listed, None), Ok([224, 224]));
        assert_eq!(found(listed, Some(64)), Ok([64, 64]));
        let exported = |input| {
            let entry: &'static Architecture = Box::leak(Box::new(Architecture {
                name: "net",
                input: Some(input),
                ..*listed
            }));
            Backbone::from(entry)
        };
        assert_eq!(found(exported([96, 128]), None), Ok([96, 128]));
        assert_eq!(found(exported([128, 128]), Some(128)), Ok([128, 128]));
        let expected =
            "net.safetensors: --size: found 128, expected 96×128, for which net was exported";
        assert_eq!(
            found(exported([96, 128]), Some(128)),
            Err(expected.to_owned())
        );
    }

    #[test]
    fn classes_are_chosen_by_their_logits_or_by_name() {
        let logits = [-1.0, 0.0, 3.0, -0.5];
        let [multi, single] = [Labels::Multi, Labels::Single].map(Chosen::Predicted);
        assert_eq!(
            (multi.on(&logits), single.on(&logits)),
            (vec![1, 2], vec![2])
        );
        assert_eq!(
            (multi.on(&[-1.0; 3]), single.on(&[-1.0; 3])),
            (vec![], vec![0])
        );
        assert_eq!(Chosen::Top(1).on(&logits), [2]);
        assert_eq!(Chosen::Top(3).on(&logits), [1, 2, 3]);
        assert_eq!(Chosen::Top(9).on(&logits), [0, 1, 2, 3]);
        // Of equal logits the first class is taken.
        assert_eq!(Chosen::Top(1).on(&[2.0, 2.0]), [0]);
        assert_eq!(Chosen::These(vec![0, 3]).on(&logits), [0, 3]);
    }
}
