//! Passes on where libtorch lies, so that the binary and the tests find it without an environment
//! variable, and links `libtorch.so` itself: the stub that `cargo xtask setup` makes stands for the
//! CPU, a CUDA build of the same name is found first where `LD_LIBRARY_PATH` says so.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
        println!("cargo:rustc-link-arg=-L{lib}");
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo:rustc-link-arg=-ltorch");
    }
}
