//! Compiles the operations written in C++ (`fused/`) and links libtorch. The crate torch-sys says where libtorch
//! lies; without that variable, as when only documentation is built, nothing is compiled.
//!
//! The folder of libtorch goes into the binary's run path, so that the program and the tests find it without
//! an environment variable. `libtorch.so` itself is linked even where no symbol needs it. For the CPU it is a
//! stub that `cargo xtask setup` makes; a CUDA build's file of the same name takes its place at run time
//! where `LD_LIBRARY_PATH` names its folder.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=fused");
    let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") else {
        return;
    };
    let include = Path::new(&lib).with_file_name("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .file("fused/fused.cpp")
        .file("fused/dispatch.cpp")
        .include(include.join("torch/csrc/api/include"))
        .include(include)
        .flag("-fopenmp")
        // Square roots that set `errno` are not computed four at a time.
        .flag("-fno-math-errno")
        .opt_level(3)
        .warnings(false)
        .compile("fused");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    println!("cargo:rustc-link-arg=-L{lib}");
    // Keeps the linker from dropping `libtorch.so`, see above.
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo:rustc-link-arg=-ltorch");
    // OpenMP by its full file name: libtorch brings this file along, while `-lgomp` would need gcc's.
    println!("cargo:rustc-link-arg=-l:libgomp.so.1");
}
