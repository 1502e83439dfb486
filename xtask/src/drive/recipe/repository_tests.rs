//! Tests that the recipes of the repository are valid and have the runs that they should have.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::drive::vocabulary::recorded;
use crate::system::paths;

/// The numbers of baselines, guided runs and configurations (guided runs that differ in λ alone) of each
/// recipe, counted by hand from the paper's grids (SPEC F): e.g. voc2007 has 3 networks × 2 layers × 4 losses
/// × 3 λ.
#[test]
fn the_recipes_of_the_repository_have_the_papers_numbers_of_runs() {
    let expected = [
        ("box-size", 1, 9, 3),
        ("box-size-lite", 1, 9, 3),
        // With λ found on one of four seeds, 2 λ make 2 + 3 runs and 4 configurations of each combination. 2 networks,
        // 2 layers, Energy and L1.
        ("claims-facade", 2 * 4, 2 * 2 * 2 * (2 + 3), 2 * 2 * 2 * 4),
        // The collection of the next four: 2 networks × 2 layers × 4 losses; 4 fractions and 4 dilations; 3 layers
        // between.
        (
            "claims-voc",
            2 * 4,
            (2 * 2 * 4 + 4 + 4 + 3) * (2 + 3),
            (2 * 2 * 4 + 4 + 4 + 3) * 4,
        ),
        ("claims-voc-bcos", 4, 2 * 4 * (2 + 3), 2 * 4 * 4),
        // The boxes as they are, too, for both losses.
        (
            "claims-voc-boxes",
            4,
            (4 + 4 + 2) * (2 + 3),
            (4 + 4 + 2) * 4,
        ),
        ("claims-voc-depth", 4, 5 * (2 + 3), 5 * 4),
        ("claims-voc-losses", 4, 2 * 4 * (2 + 3), 2 * 4 * 4),
        ("claims-waterbirds", 12, 2 * 2 * 12, 2 * 2 * 12),
        ("coco2014", 3, 3 * 2 * 4 * 3, 3 * 2 * 4),
        ("coco2014-lite", 1, 2 * 4 * 3, 2 * 4),
        ("deep-layers", 1, 5 * 3, 5),
        ("deep-layers-lite", 1, 5 * 3, 5),
        ("demo", 3, 9, 9),
        ("dilation", 1, 4 * 2 * 3, 4 * 2),
        ("dilation-lite", 1, 4 * 2 * 3, 4 * 2),
        ("limited-annotations", 1, 3 * 2 * 3, 3 * 2),
        ("limited-annotations-lite", 1, 3 * 2 * 3, 3 * 2),
        ("other-backbones", 2, 2 * 4 * 3, 2 * 4),
        ("other-backbones-lite", 2, 2 * 4 * 3, 2 * 4),
        // Three λ on one seed, and the one found on three more.
        ("own", 4, 2 * 2 * 3 + 3 * 2 * 2, 4 * 2 * 2),
        ("scenes-lite", 3, 3 * 2 * 4 * 3, 3 * 2 * 4),
        ("segmentation", 1, 2 * 2 * 3, 2 * 2),
        ("segmentation-lite", 1, 2 * 2 * 3, 2 * 2),
        // The collection of all full-size recipes. Guided runs of VOC: 72 of the main grid, and, not in it,
        // 12 of limited-annotations, 18 of dilation, 9 of deep-layers, 6 of segmentation, 6 of box-size and
        // 24 of other-backbones; 72 of COCO, 16 of Waterbirds. Baselines: 3 + 2 networks on VOC, 3 on COCO,
        // and 4 seeds on Waterbirds.
        (
            "smoke",
            5 + 3 + 4,
            147 + 72 + 16,
            24 + 4 + 6 + 3 + 2 + 2 + 8 + 24 + 16,
        ),
        ("voc2007", 3, 3 * 2 * 4 * 3, 3 * 2 * 4),
        ("voc2007-gpu", 1, 2 * 4 * 3 + 2 * 2 + 2 * 2, 2 * 4 + 2 + 2),
        (
            "voc2007-lite",
            1,
            2 * 4 * 3 + 2 * 2 * 3 + 2 * 3,
            2 * 4 + 2 * 2 + 2,
        ),
        ("waterbirds", 4, 2 * 2 * 4, 2 * 2 * 4),
        ("waterbirds-lite", 4, 2 * 2 * 2 * 4, 2 * 2 * 2 * 4),
    ];
    let (root, vocabulary) = (paths::root(), recorded());
    let names: Vec<&str> = expected.iter().map(|recipe| recipe.0).collect();
    assert_eq!(available(&root.join("recipes")).unwrap(), names);
    for (name, n_baselines, n_guided, n_configurations) in expected {
        let experiment = super::read(&root, name, Some(&vocabulary)).unwrap();
        let found = (
            experiment.baselines.len(),
            experiment.guided.len(),
            experiment.selections.len() - n_baselines,
        );
        assert_eq!(found, (n_baselines, n_guided, n_configurations), "{name}");
        let mut names: Vec<&str> = names_of(&experiment);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), n_baselines + n_guided, "{name}");
    }
}

/// The names of all runs.
fn names_of(experiment: &Experiment) -> Vec<&str> {
    let runs = experiment.baselines.iter().chain(&experiment.guided);
    runs.map(|run| run.name.as_str()).collect()
}
