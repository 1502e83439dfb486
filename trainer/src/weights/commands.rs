//! `trainer import` and `trainer describe`: their options, and what they print.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use crate::train::pace;
use crate::vocabulary;
use crate::weights::described::{self, Named};
use crate::weights::import::{self, Fit};
use crate::weights::network::{self, NetworkOptions};
use crate::weights::{bcosify, describe};

/// The options of `trainer import`.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// .pth, .pth.tar or .safetensors; or .pt2, a network with its weights
    pub weights: PathBuf,
    /// The network that weights are for: a name, or the file of a network that was imported
    #[arg(long)]
    pub backbone: Option<Named>,
    /// How an exported network is to be taken
    #[command(flatten)]
    pub network: NetworkOptions,
    /// The safetensors file to write
    #[arg(long)]
    pub out: PathBuf,
    /// Take the tensors that fit and list the others, instead of refusing the file
    #[arg(long)]
    pub partial: bool,
    /// The entry of the checkpoint that holds the weights (default: state_dict, model,
    /// model_state_dict or net, else the whole file)
    #[arg(long)]
    pub entry: Option<String>,
    /// What the names of the network's tensors begin with in the file, such as "model."; other tensors are
    /// left out ("module." and "_orig_mod." are taken off without it, where they are not the network's own)
    #[arg(long)]
    pub prefix: Option<String>,
    /// Refuse the file unless its SHA-256 begins so (default: what its name says, as in
    /// resnet50-0676ba61.pth)
    #[arg(long, value_name = "HEX", value_parser = sha256_start)]
    pub sha256: Option<String>,
    /// The licence of the weights, e.g. "CC BY-NC 4.0": kept in the file, and passed on by trainer export
    #[arg(long, value_parser = one_line)]
    pub license: Option<String>,
}

/// A text of one line.
fn one_line(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("expected a text".to_owned()),
        text if text.chars().any(char::is_control) => Err("expected one line".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// The beginning of a SHA-256: at least 8 digits, as many as PyTorch puts into file names.
fn sha256_start(text: &str) -> Result<String, String> {
    let is_hex = text.chars().all(|c| c.is_ascii_hexdigit());
    match is_hex && (8..=64).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err("expected 8 to 64 hexadecimal digits".to_owned()),
    }
}

/// Runs `trainer import`: of weights if the user names their network, else of a network with its weights.
///
/// # Errors
/// A file that cannot be read, or does not fit.
pub fn import_command(args: &ImportArgs) -> Result<()> {
    match &args.backbone {
        Some(network) => import_weights(args, network),
        None => import_network(args),
    }
}

/// Imports a network that PyTorch exported (`torch.export.save`), with its weights.
fn import_network(args: &ImportArgs) -> Result<()> {
    let (file, out) = (&args.weights, &args.out);
    if file.extension().is_none_or(|end| end != "pt2") {
        return Err(anyhow!(
            "{}: --backbone: found nothing, expected the network that the weights are for, or a .pt2 file, \
             which has its own",
            file.display()
        ));
    }
    let of_weights = [
        ("--partial", args.partial),
        ("--entry", args.entry.is_some()),
        ("--prefix", args.prefix.is_some()),
    ];
    if let Some((option, _)) = of_weights.iter().find(|(_, is_given)| *is_given) {
        return Err(anyhow!(
            "{option}: found it beside a .pt2 file, expected it for weights alone"
        ));
    }
    let network = network::open(file, &args.network)?;
    if let Some(said) = &args.sha256
        && !network.sha256.starts_with(&said.to_ascii_lowercase())
    {
        let found = &network.sha256[..said.len()];
        return Err(anyhow!(
            "{}: SHA-256: found {found}, expected {said}, as --sha256 says",
            file.display()
        ));
    }
    let tried = network::attempt(&network, file)?;
    for warning in describe::warnings(&tried) {
        say!("warning: {}: {warning}", file.display());
    }
    network::write(&network, args.license.as_deref(), out)?;
    let layers = network.description.layers.iter();
    let layers: Vec<String> = layers
        .map(|at| format!("{} = {}", at.layer, at.module))
        .collect();
    say!(
        "{}: {} tensors, {} classes, {}: {}",
        network.backbone,
        network.tensors.len(),
        network.head.n_classes,
        layers.join(", "),
        out.display()
    );
    Ok(())
}

/// Runs `trainer bcosify`.
///
/// # Errors
/// A file that cannot be read, or of a network that cannot be B-cosified.
pub fn bcosify_command(weights: &Path, out: &Path) -> Result<()> {
    if weights.extension().is_some_and(|end| end == "pt2") {
        return Err(anyhow!(
            "{0}: found an exported network, expected a weight file: trainer import {0} --out {1}",
            weights.display(),
            weights.with_extension("safetensors").display()
        ));
    }
    let made = bcosify::bcosify(weights, out)?;
    say!(
        "{}: {} tensors: {}",
        made.backbone,
        made.n_tensors,
        out.display()
    );
    Ok(())
}

/// Runs `trainer pace`: prints the seconds of a plain training step for each image.
///
/// # Errors
/// A network that is not known, or a file that is none.
pub fn pace_command(
    network: &str,
    options: &NetworkOptions,
    (size, n_images): (Option<u32>, u32),
) -> Result<()> {
    let path = Path::new(network);
    let backbone = match path.extension().is_some_and(|end| end == "pt2") {
        true => network::open(path, options)?.backbone,
        false => described::named_or_file(network).map_err(|error| anyhow!(error))?,
    };
    let sides = size.map_or(backbone.usual_size(), |side| [side as usize; 2]);
    if let Err(expected) = backbone.check_size(sides) {
        return Err(anyhow!("--size: found {}, expected {expected}", sides[0]));
    }
    let seconds = pace::seconds_an_image(backbone, sides, i64::from(n_images))?;
    println!("{seconds}");
    Ok(())
}

/// Runs `trainer describe`.
///
/// # Errors
/// A file that is no exported image classifier, nor an imported one; a network that is to be B-cosified and cannot be.
pub fn describe_command(file: &Path, options: &NetworkOptions, json: bool) -> Result<()> {
    let is_imported = file.extension().is_some_and(|end| end == "safetensors");
    let backbone = match is_imported {
        true => {
            described::named_or_file(&file.to_string_lossy()).map_err(|error| anyhow!(error))?
        }
        false => {
            let network = network::open(file, options)?;
            // Whether a network can be B-cosified shows when it runs.
            let tried = match options.bcosify || !json {
                true => Some(network::attempt(&network, file)?),
                false => None,
            };
            if !json {
                print!("{}", describe::text(&network, tried.as_ref()));
                return Ok(());
            }
            network.backbone
        }
    };
    println!(
        "{}",
        serde_json::to_string_pretty(&vocabulary::network(backbone))?
    );
    Ok(())
}

/// Imports weights for `network`.
fn import_weights(args: &ImportArgs, network: &Named) -> Result<()> {
    if let Some(option) = args.network.first_given() {
        return Err(anyhow!(
            "{option}: found it beside --backbone, expected it for a .pt2 file alone"
        ));
    }
    let request = import::Request {
        backbone: network.backbone,
        network_file: network.file.as_deref(),
        fit: if args.partial {
            Fit::Partial
        } else {
            Fit::Strict
        },
        entry: args.entry.as_deref(),
        prefix: args.prefix.as_deref(),
        sha256: args.sha256.as_deref(),
        license: args.license.as_deref(),
    };
    let (weights, out) = (&args.weights, &args.out);
    let imported = import::import(weights, &request, out)?;
    for kind in imported.faults.kinds() {
        say!("warning: {}: {kind}", weights.display());
    }
    let classes = imported
        .n_classes
        .map_or("no head".to_owned(), |n| format!("{n} classes"));
    say!(
        "{} tensors, {classes}, SHA-256 of the source {}: {}",
        imported.n_tensors,
        imported.sha256,
        out.display()
    );
    Ok(())
}
