//! The options of a run that are one of a few values (layer, annotation, augmentation, precision, …). Each
//! value has one spelling, which configurations, tables and plots share.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Returns the value of `all` that is spelled `text`.
///
/// # Errors
/// Without such a value, a message with `text` and every spelling.
pub fn find<T: Copy + fmt::Display>(all: &[T], text: &str) -> Result<T, String> {
    let found = all.iter().find(|value| value.to_string() == text);
    found.copied().ok_or_else(|| {
        let known: Vec<String> = all.iter().map(ToString::to_string).collect();
        format!("found '{text}', expected one of {}", known.join(", "))
    })
}

/// Joins names as in `a, b or c`.
pub fn alternatives(names: &[&str]) -> String {
    match names {
        [rest @ .., before, last] => {
            let start: String = rest.iter().map(|name| format!("{name}, ")).collect();
            format!("{start}{before} or {last}")
        }
        names => names.concat(),
    }
}

/// Defines an enumeration whose values are written and read by the given spellings.
macro_rules! spelled {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $spelling:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $spelling)] $variant),+ }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $($name::$variant => $spelling),+ })
            }
        }

        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                find($name::ALL, text)
            }
        }
    };
}

spelled! {
    /// The layer at which a network is explained ("guidance depth", paper section 5.4; docs/SPEC.md A.4). A
    /// map has one value for each position of its features; their stride says how many pixels of the image
    /// lie between two positions. The strides below are a ResNet's; all four of a vision transformer are 16.
    Layer {
        /// The network's input, after normalisation.
        Input = "input",
        /// Features of stride 4.
        Mid1 = "mid1",
        /// Features of stride 8.
        Mid2 = "mid2",
        /// Features of stride 16.
        Mid3 = "mid3",
        /// The last features before global pooling, stride 32.
        Final = "final",
    }
}

impl Layer {
    /// Returns how many of the network's stages lie before this layer: 0 for the input to 4 for the final one.
    pub fn index(self) -> usize {
        self as usize
    }
}

spelled! {
    /// The annotation that the map of a class is compared with (docs/SPEC.md A.5).
    Annotation {
        /// The union of the boxes of the class.
        Box = "box",
        /// The union of the segmentations of the class; an image without any has no localization loss, as if
        /// it were not annotated.
        Segmentation = "segmentation",
    }
}

spelled! {
    /// What an attribution map explains (docs/SPEC.md A.3).
    Explained {
        /// The logit of the class.
        Logit = "logit",
        /// The logit of the class minus the mean of the other classes' logits.
        Contrast = "contrast",
    }
}

spelled! {
    /// What happens to a training image before the network sees it (docs/SPEC.md C.3, C.4).
    Augmentation {
        /// Nothing.
        None = "none",
        /// A random part with a random aspect ratio, resized, flipped with probability 1/2.
        CropFlip = "crop_flip",
    }
}

spelled! {
    /// The optimizer, PyTorch's of the same name (docs/SPEC.md E.1).
    Optimizer {
        /// Adam; weight decay is added to the gradient (L2 regularisation).
        Adam = "adam",
        /// AdamW: weights decay apart from the gradient.
        AdamW = "adamw",
    }
}

spelled! {
    /// How the learning rate goes on after warm-up (docs/SPEC.md E.1).
    Schedule {
        /// It stays.
        Constant = "constant",
        /// It falls along half a cosine towards 0 at the end of the last epoch.
        Cosine = "cosine",
    }
}

spelled! {
    /// A metric of the validation after each epoch, by which a run may be stopped early.
    ValidationMetric {
        /// Micro F1.
        F1 = "f1",
        /// Mean over the classes of the average precision.
        Map = "map",
        /// Mean EPG (energy pointing game): the share of a map's positive attribution inside its class's boxes.
        Epg = "epg",
        /// Mean IoU of a map, made binary by a threshold, and its class's boxes.
        Iou = "iou",
    }
}

spelled! {
    /// The type of number in which convolutions and matrix products are computed. Everything else, weights
    /// and optimizer included, is 32-bit.
    Precision {
        /// 32-bit floating point.
        F32 = "f32",
        /// NVIDIA's TF32: factors are rounded to 10 bits of mantissa; on CUDA devices that have it.
        Tf32 = "tf32",
        /// bfloat16: factors are rounded to 16 bits, 7 bits of mantissa; sums are 32-bit.
        Bf16 = "bf16",
    }
}

spelled! {
    /// What training does with a batch whose loss, gradient or attribution maps are non-finite.
    OnNonFinite {
        /// End with an error; the run's folder keeps its last saved state.
        Stop = "stop",
        /// Leave the batch out.
        Skip = "skip",
    }
}
