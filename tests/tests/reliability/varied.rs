//! A run with all the options that the paper's training does not use (AdamW, warm-up, a cosine schedule, crops and
//! flips, colour jitter, early stopping) is stopped by signals, resumed, and must end with the same bits as one that
//! was not stopped. This shows that all state of these options is saved.

use std::io::Read;
use std::process::Stdio;

use tests::programs::run;
use tests::runs::{difference, train};

use crate::made::{GUIDED, configure, draw, folder};
use crate::shared::signal;

/// Top-level options of the run.
const TOP: &str = "layer = \"final\"\naugmentation = \"crop_flip\"\noptimizer = \"adamw\"\n\
                   weight_decay = 0.05\nschedule = \"cosine\"\nwarmup_steps = 4\n";
/// Further tables of its configuration.
const TABLES: &str = "\n[early_stopping]\nmetric = \"epg\"\npatience = 2\n\n\
                      [color_jitter]\nbrightness = 0.4\ncontrast = 0.4\nsaturation = 0.4\nhue = 0.1\n";

#[test]
fn a_varied_run_goes_on_to_the_same_bits() {
    let root = folder("varied");
    let (config, data) = (root.join("run.toml"), root.join("scenes"));
    draw(&data, 24, 8);
    // Of 24 images in batches of 4, so 6 steps an epoch.
    configure(&config, 3, TOP, &format!("{TABLES}{GUIDED}"));
    let [whole, parts] = ["whole", "parts"].map(|name| root.join(name));
    assert_eq!(run(&mut train(&config, &data, &whole)).code, Some(0));
    for _ in 0..3 {
        let mut command = train(&config, &data, &parts);
        let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut training = command.spawn().unwrap();
        let mut errors = training.stderr.take().unwrap();
        let mut said = vec![0; 4];
        // The first bytes that the program prints show that it handles signals by now.
        errors.read_exact(&mut said).unwrap();
        signal(&training, "-INT");
        errors.read_to_end(&mut said).unwrap();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(training.wait().unwrap().code(), Some(75), "{said}");
        assert!(said.contains("stopped in epoch"), "{said}");
    }
    assert_eq!(run(&mut train(&config, &data, &parts)).code, Some(0));
    let [whole, parts] = [whole, parts].map(|runs| {
        let mut runs = fs_err::read_dir(runs).unwrap();
        runs.next().unwrap().unwrap().path()
    });
    assert_eq!(difference(&whole, &parts).unwrap(), None);
    fs_err::remove_dir_all(root).unwrap();
}
