//! One way to compile a loop for the processor at hand: written once in plain Rust, compiled for the
//! baseline and for AVX2, chosen when it is called. Integer results are the same either way.

/// Defines a function whose body is compiled twice. It must do integer arithmetic with the
/// `wrapping_` operations in its inner loops, since overflow checks keep them from being vectorised.
macro_rules! vectorised {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$attribute])*
        $visibility fn $name($($argument: $type),*) {
            #[inline(always)]
            fn any($($argument: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($argument: $type),*) {
                    any($($argument),*);
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has the feature the function is compiled for.
                    unsafe { avx2($($argument),*) };
                    return;
                }
            }
            any($($argument),*);
        }
    };
}

pub(crate) use vectorised;
