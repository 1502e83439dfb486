//! The enumerations of the experiment. Each value has one spelling, shared by configurations, tables and
//! plots.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The value of `all` that is spelled `text`.
///
/// # Errors
/// What was found, and every spelling.
pub fn find<T: Copy + fmt::Display>(all: &[T], text: &str) -> Result<T, String> {
    let found = all.iter().find(|value| value.to_string() == text);
    found.copied().ok_or_else(|| {
        let known: Vec<String> = all.iter().map(ToString::to_string).collect();
        format!("found '{text}', expected one of {}", known.join(", "))
    })
}

/// `a, b or c`.
pub fn alternatives(names: &[&str]) -> String {
    match names {
        [rest @ .., before, last] => {
            let start: String = rest.iter().map(|name| format!("{name}, ")).collect();
            format!("{start}{before} or {last}")
        }
        names => names.concat(),
    }
}

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
    /// The layer whose features are explained ("guidance depth", paper section 5.4; SPEC A.4).
    Layer {
        /// The network's input, after normalisation.
        Input = "input",
        /// Stride 4.
        Mid1 = "mid1",
        /// Stride 8.
        Mid2 = "mid2",
        /// Stride 16.
        Mid3 = "mid3",
        /// The last features before global pooling, stride 32.
        Final = "final",
    }
}

impl Layer {
    /// How many of the network's stages lie before this layer.
    pub fn index(self) -> usize {
        self as usize
    }
}

spelled! {
    /// The annotation that a class's map is compared with (SPEC A.5).
    Annotation {
        /// The union of its boxes.
        Box = "box",
        /// The union of its segmentations; an image without them is not annotated.
        Segmentation = "segmentation",
    }
}

spelled! {
    /// What happens to a training image before the network sees it (SPEC C.3, C.4).
    Augmentation {
        /// Nothing.
        None = "none",
        /// A random part with a random aspect ratio, resized, flipped with probability 1/2.
        CropFlip = "crop_flip",
    }
}

spelled! {
    /// The numbers that convolutions and matrix products are computed in. Everything else, weights and
    /// optimizer included, is 32-bit.
    Precision {
        /// 32-bit floating point.
        F32 = "f32",
        /// 32-bit numbers whose products keep 10 bits of the mantissa; on CUDA devices that have it.
        Tf32 = "tf32",
        /// 16-bit brain floating point, summed in 32 bits.
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
