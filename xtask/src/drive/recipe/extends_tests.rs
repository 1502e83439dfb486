//! Tests recipes that extend others: what they inherit, that they give the same plan as a single recipe with all
//! keys written out, and how a fault in one of the files is refused.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::testing::read_files;
use super::*;
use crate::drive::plan::Plan;
use crate::system::paths;

/// A recipe that the tests extend.
const BASE: &str = r#"about = "The base."
seed = [1, 2]
tune_on = 1

[data]
dataset = "voc2007"
size = 32
limit = { train = 10, val = 5 }

[[model]]
backbone = "resnet18"
init = "scratch"
attribution = "ixg"

[baseline]
epochs = 2
learning_rate = 1e-3
batch_size = 4

[guided]
epochs = 3
learning_rate = 1e-4
batch_size = 4

[[guided.grid]]
layer = ["final"]
loss = ["energy", "l1"]
lambda = [0.1, 0.2]

[[guided.grid]]
layer = ["input"]
loss = ["energy"]
lambda = [0.3]
"#;

/// What a recipe makes, and what `reproduce` reads of it. The name of a file is no part of it.
fn made(experiment: &Experiment) -> String {
    let plan = Plan::new(experiment);
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        plan.steps,
        experiment.about,
        experiment.data,
        experiment.baselines,
        experiment.guided,
        experiment.selections,
        experiment.evaluation,
        experiment.slurm
    )
}

#[test]
fn a_recipe_that_extends_another_is_the_recipe_written_out() {
    let child = "extends = \"base.toml\"\nseed = [4]\ntune_on = 4\n[data]\nlimit = { train = 20 }\n\
                 [guided]\nlearning_rate = 1e-5\n[[guided.grid]]\nlayer = [\"mid1\"]\nloss = [\"ppce\"]\n\
                 lambda = [0.5]\n[slurm]\ngpus = 2\n";
    let grids = BASE.find("[[guided.grid]]").unwrap();
    let written = BASE[..grids]
        .replace("seed = [1, 2]\ntune_on = 1", "seed = [4]\ntune_on = 4")
        .replace("train = 10", "train = 20")
        .replace("1e-4", "1e-5")
        + &child[child.find("[[guided.grid]]").unwrap()..];
    let expected = read_files(&[("x.toml", &written)]).unwrap();
    let found = read_files(&[("x.toml", child), ("base.toml", BASE)]).unwrap();
    assert_eq!(made(&found), made(&expected));
    // A chain of three, in several folders.
    let grandchild = "extends = \"there/child.toml\"\nabout = \"Mine.\"\n[baseline]\nepochs = 7\n";
    let child = child.replace("base.toml", "../base.toml");
    let expected = written
        .replace("The base.", "Mine.")
        .replace("epochs = 2", "epochs = 7");
    let expected = read_files(&[("x.toml", &expected)]).unwrap();
    let files = [
        ("x.toml", grandchild),
        ("there/child.toml", &child),
        ("base.toml", BASE),
    ];
    let found = read_files(&files).unwrap();
    assert_eq!(made(&found), made(&expected));
    // The text that is kept beside the results is a recipe that stands alone.
    let kept = &found.files[0].text;
    assert!(!kept.contains("extends"), "{kept}");
    assert_eq!(
        made(&read_files(&[("kept.toml", kept)]).unwrap()),
        made(&expected)
    );
}

#[test]
fn own_and_published_data_replace_each_other() {
    let own = "extends = \"base.toml\"\n[data]\nroot = \"cells\"\n";
    let found = read_files(&[("x.toml", own), ("base.toml", BASE)]).unwrap();
    assert_eq!(found.data[0].published(), None);
    assert_eq!(found.data[0].root.as_deref(), Some(Path::new("cells")));
    assert_eq!((found.data[0].size, found.data[0].limit.val), (32, Some(5)));

    let published = "extends = \"own\"\n[data]\ndataset = \"voc2007\"\n";
    let found = read_files(&[("x.toml", published)]).unwrap();
    assert_eq!(found.data[0].published(), Some("voc2007"));
    assert_eq!(found.fit, None);
    // A recipe that extends `own` by its name and changes nothing is the same experiment.
    let found = read_files(&[("x.toml", "extends = \"own\"\n")]).unwrap();
    let own = super::read(&paths::root(), "own", None).unwrap();
    assert_eq!(made(&found), made(&own));
    assert!(found.fit.is_some() && found.fit == own.fit);
}

#[test]
fn a_fault_names_the_file_that_it_is_in() {
    // The text of x.toml, that of base.toml, and a part of the error.
    for (child, base, expected) in [
        // In the recipe itself, with its own line.
        (
            "extends = \"base.toml\"\n\n[data]\nsiez = 3\n",
            BASE,
            "x.toml: line 4: unknown field `siez`",
        ),
        (
            "extends = \"base.toml\"\n[data]\nsize = 0\n",
            BASE,
            "x.toml: data.size: found 0, expected 1 at least",
        ),
        (
            "extends = \"base.toml\"\n[[guided.grid]]\nlayer = [\"final\"]\n\n[[guided.grid]]\nlayer = 3\n",
            BASE,
            "x.toml: line 2: missing field `loss`",
        ),
        (
            "extends = \"base.toml\"\n[[guided.grid]]\nlayer = [\"final\"]\nloss = [\"l1\"]\nlambda = [1]\n\n\
             [[guided.grid]]\nlayer = 3\n",
            BASE,
            "x.toml: line 8: invalid type: integer `3`",
        ),
        (
            "extends = \"base.toml\"\nseed = [3]\n",
            BASE,
            "x.toml: extends \"base.toml\": base.toml: tune_on: found 1, expected one of the seeds 3",
        ),
        // In what is inherited, with its line there.
        (
            "extends = \"base.toml\"\n",
            &BASE.replace("size = 32", "size = -1"),
            "x.toml: extends \"base.toml\": base.toml: line 7: invalid value: integer `-1`",
        ),
        (
            "extends = \"base.toml\"\n",
            &BASE.replace("lambda = [0.3]", "lambda = [0.3]\ncolour = 1"),
            "x.toml: extends \"base.toml\": base.toml: line 34: unknown field `colour`",
        ),
        (
            "extends = \"base.toml\"\n",
            &BASE.replace("\"l1\"", "\"l2\""),
            "x.toml: extends \"base.toml\": base.toml: guided.grid 1: loss: found \"l2\"",
        ),
        (
            "extends = \"base.toml\"\n",
            &BASE.replace("about = \"The base.\"\n", ""),
            "x.toml: missing field `about`",
        ),
        (
            "extends = \"base.toml\"\n",
            &BASE.replace("seed = [1, 2]", "seed = [1, 2"),
            "x.toml: extends \"base.toml\": base.toml: line 3: ",
        ),
        // What cannot be extended.
        (
            "extends = \"x.toml\"\n",
            BASE,
            "x.toml: extends: found \"x.toml\", which extends this recipe itself, expected another",
        ),
        (
            "extends = \"base.toml\"\n",
            "extends = \"x.toml\"\n",
            "x.toml: extends \"base.toml\": base.toml: extends: found \"x.toml\", which extends this recipe",
        ),
        (
            "extends = \"mine.toml\"\n",
            BASE,
            "x.toml: extends: found no file mine.toml, expected one of box-size, ",
        ),
        (
            "extends = \"mine\"\n",
            BASE,
            "recipes/mine.toml, expected one of box-size, ",
        ),
        (
            "extends = [\"own\"]\n",
            BASE,
            "x.toml: extends: found [\"own\"], expected a recipe's name or .toml file",
        ),
        (
            "extends = \"smoke\"\n",
            BASE,
            "recipes/smoke.toml: include: found a collection, expected a single recipe",
        ),
        (
            "extends = \"own\"\ninclude = [\"base\"]\n",
            BASE,
            "x.toml: include: found a collection, expected a single recipe",
        ),
    ] {
        let error = read_files(&[("x.toml", child), ("base.toml", base)]).unwrap_err();
        assert!(error.contains(expected), "{child}: {error}\nnot {expected}");
        assert!(error.starts_with("x.toml: "), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

/// A collection's recipes may extend others.
#[test]
fn a_recipe_of_a_collection_may_extend() {
    let all = "about = \"All.\"\ninclude = [\"child\"]\n[with]\nepochs = 1\n";
    let child = "extends = \"base.toml\"\nseed = [1]\n";
    let found = read_files(&[
        ("all.toml", all),
        ("child.toml", child),
        ("base.toml", BASE),
    ])
    .unwrap();
    // One seed: 2 losses × 2 λ of the first grid, and one run of the second.
    assert_eq!((found.baselines.len(), found.guided.len()), (1, 5));
    let broken = "extends = \"none.toml\"\n";
    let error = read_files(&[("all.toml", all), ("child.toml", broken)]).unwrap_err();
    assert!(
        error.starts_with(
            "all.toml: include \"child\": child.toml: extends: found no file none.toml"
        ),
        "{error}"
    );
}

/// A collection's recipes are beside it, in the repository or in other folders. Copies of them lie in one folder.
#[test]
fn a_collection_includes_recipes_by_name_and_by_file() {
    let all = "about = \"All.\"\ninclude = [\"beside\", \"scenes-lite\", \"there/far.toml\"]\n";
    let far = BASE.replace("seed = [1, 2]", "seed = [1, 3]");
    let read_all = |all: &str| {
        read_files(&[
            ("all.toml", all),
            ("beside.toml", BASE),
            ("there/far.toml", &far),
            ("there/all.toml", BASE),
        ])
    };
    let found = read_all(all).unwrap();
    let names: Vec<String> = found.files.iter().map(File::name).collect();
    assert_eq!(names, ["all", "beside", "scenes-lite", "far"]);
    let copies: Vec<(String, &str)> = found
        .files
        .iter()
        .map(|file| (format!("{}.toml", file.name()), file.text.as_str()))
        .collect();
    let copies = copies.iter().map(|(name, text)| (name.as_str(), *text));
    let copied = read_files(&copies.collect::<Vec<_>>()).unwrap();
    assert_eq!(made(&copied), made(&found));
    // A name stands for the recipe beside the collection, where there is one.
    let demo = "about = \"Mine.\"\ninclude = [\"demo\"]\n";
    let own = read_files(&[("all.toml", demo), ("demo.toml", BASE)]).unwrap();
    assert_eq!(own.data[0].published(), Some("voc2007"));

    let error = read_all(&all.replace("beside", "none")).unwrap_err();
    let start = "all.toml: include: found no file none.toml or ";
    let end = "recipes/none.toml, expected one of box-size, ";
    assert!(error.starts_with(start) && error.contains(end), "{error}");
    for (from, to, expected) in [
        (
            "there/far.toml",
            "there/all.toml",
            "found \"there/all.toml\", which is called as the collection, expected another name",
        ),
        (
            "scenes-lite",
            "there/../beside.toml",
            "found \"beside\" twice, expected it once",
        ),
    ] {
        let error = read_all(&all.replace(from, to)).unwrap_err();
        assert_eq!(error, format!("all.toml: include: {expected}"));
    }
}
