//! Compiles the operations written in C++ (`fused/`), passes on where libtorch lies, so that the
//! binary and the tests find it without an environment variable, and links `libtorch.so` itself: the
//! stub that `cargo xtask setup` makes stands for the CPU, a CUDA build of the same name is found
//! first where `LD_LIBRARY_PATH` says so.

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
        .include(include.join("torch/csrc/api/include"))
        .include(include)
        .flag("-fopenmp")
        .opt_level(3)
        .warnings(false)
        .compile("fused");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    println!("cargo:rustc-link-arg=-L{lib}");
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo:rustc-link-arg=-ltorch");
    // By its full name: libtorch brings this one along, the linker's own name for it only gcc.
    println!("cargo:rustc-link-arg=-l:libgomp.so.1");
}
