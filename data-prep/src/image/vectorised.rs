//! The macro `vectorised!` compiles a function twice: for plain x86-64 (SSE2) and for AVX2. Each call
//! runs the AVX2 version where the processor has it. Results of integer arithmetic are the same in both. Other
//! processors have one version.

/// Defines a function, without result or generics, whose body is compiled twice. Its inner loops must
/// use integers and the `wrapping_` operations: overflow checks, which the profile of this workspace
/// has, keep a loop from being vectorised. The author must know that no sum overflows.
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
