//! Lists the pinned wheels that contain libtorch, and which of their files are needed. The wheels are torch
//! 2.11.0's and those that its metadata requires, without those that only its Python part needs (Triton,
//! Python packages) and without static libraries.

use std::path::PathBuf;

use crate::install::libtorch::Build;
use crate::install::pip::Wheel;

/// The wheels of a build. For the CPU the first three suffice.
pub(super) fn wheels(build: Build) -> &'static [Wheel] {
    match build {
        Build::Cpu => &WHEELS[..3],
        Build::Cuda => &WHEELS,
    }
}

/// The most bytes of disk that set-up needs at a time, rounded up: the wheels, twice while pip moves them, and what
/// they unpack to.
pub(super) fn room(build: Build) -> u64 {
    match build {
        Build::Cpu => 1_800_000_000,
        Build::Cuda => 10_000_000_000,
    }
}

/// Where an entry of a wheel belongs in the libtorch folder; None for what is not needed.
///
/// All libraries go into one folder, because each looks for the others beside itself.
pub(super) fn destination(build: Build, entry: &str) -> Option<PathBuf> {
    if let Some(header) = entry.strip_prefix("torch/include/") {
        return Some(PathBuf::from("include").join(header));
    }
    let library = entry
        .rsplit('/')
        .next()
        .filter(|name| name.contains(".so"))?;
    let wanted = match build {
        // Without the wheel's libtorch.so, which needs libtorch_cuda; `stub` makes another.
        Build::Cpu => CPU_LIBRARIES.contains(&entry),
        Build::Cuda => {
            let torch = entry
                .strip_prefix("torch/lib/")
                .is_some_and(|rest| rest == library);
            let nvidia = entry.starts_with("nvidia/") && entry.contains("/lib/");
            (torch || nvidia) && !library.contains(".alt.") && !PYTHON_ONLY.contains(&library)
        }
    };
    wanted.then(|| PathBuf::from("lib").join(library))
}

/// The libraries of the CPU build. The last two are there because libtorch_cpu, which is from a CUDA wheel,
/// is linked to them.
const CPU_LIBRARIES: [&str; 5] = [
    "torch/lib/libtorch_cpu.so",
    "torch/lib/libc10.so",
    "torch/lib/libgomp.so.1",
    "nvidia/cu13/lib/libcudart.so.13",
    "nvidia/cu13/lib/libcupti.so.13",
];

/// Libraries that only torch's Python part needs.
const PYTHON_ONLY: [&str; 2] = ["libtorch_python.so", "libshm.so"];

/// All wheels; those of the CPU build are first.
const WHEELS: [Wheel; 16] = [
    Wheel {
        project: "torch",
        version: "2.11.0",
        file: "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        bytes: 530_604_548,
        sha256: "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
    },
    Wheel {
        project: "nvidia-cuda-runtime",
        version: "13.0.96",
        file: "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        bytes: 2_243_632,
        sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
    },
    Wheel {
        project: "nvidia-cuda-cupti",
        version: "13.0.85",
        file: "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
        bytes: 10_715_597,
        sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
    },
    Wheel {
        project: "nvidia-cublas",
        version: "13.1.0.3",
        file: "nvidia_cublas-13.1.0.3-py3-none-manylinux_2_27_x86_64.whl",
        bytes: 423_133_236,
        sha256: "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171",
    },
    Wheel {
        project: "nvidia-cuda-nvrtc",
        version: "13.0.88",
        file: "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
        bytes: 90_215_200,
        sha256: "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
    },
    Wheel {
        project: "nvidia-cudnn-cu13",
        version: "9.19.0.56",
        file: "nvidia_cudnn_cu13-9.19.0.56-py3-none-manylinux_2_27_x86_64.whl",
        bytes: 366_066_321,
        sha256: "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf",
    },
    Wheel {
        project: "nvidia-cufft",
        version: "12.0.0.61",
        file: "nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        bytes: 214_085_489,
        sha256: "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
    },
    Wheel {
        project: "nvidia-cufile",
        version: "1.15.1.6",
        file: "nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        bytes: 1_223_672,
        sha256: "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
    },
    Wheel {
        project: "nvidia-curand",
        version: "10.4.0.35",
        file: "nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl",
        bytes: 59_544_258,
        sha256: "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
    },
    Wheel {
        project: "nvidia-cusolver",
        version: "12.0.4.66",
        file: "nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl",
        bytes: 200_941_980,
        sha256: "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112",
    },
    Wheel {
        project: "nvidia-cusparse",
        version: "12.6.3.3",
        file: "nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        bytes: 145_942_937,
        sha256: "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
    },
    Wheel {
        project: "nvidia-cusparselt-cu13",
        version: "0.8.0",
        file: "nvidia_cusparselt_cu13-0.8.0-py3-none-manylinux2014_x86_64.whl",
        bytes: 169_884_119,
        sha256: "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd",
    },
    Wheel {
        project: "nvidia-nccl-cu13",
        version: "2.28.9",
        file: "nvidia_nccl_cu13-2.28.9-py3-none-manylinux_2_18_x86_64.whl",
        bytes: 196_493_177,
        sha256: "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42",
    },
    Wheel {
        project: "nvidia-nvjitlink",
        version: "13.0.88",
        file: "nvidia_nvjitlink-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
        bytes: 40_713_933,
        sha256: "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b",
    },
    Wheel {
        project: "nvidia-nvshmem-cu13",
        version: "3.4.5",
        file: "nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        bytes: 60_412_546,
        sha256: "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
    },
    Wheel {
        project: "nvidia-nvtx",
        version: "13.0.85",
        file: "nvidia_nvtx-13.0.85-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl",
        bytes: 148_047,
        sha256: "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4",
    },
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_entry_has_its_destination_or_none() {
        let cases = [
            // Entry, destination in the CPU folder, destination in the CUDA folder; "" where it is not unpacked.
            (
                "torch/lib/libtorch_cpu.so",
                "lib/libtorch_cpu.so",
                "lib/libtorch_cpu.so",
            ),
            (
                "torch/lib/libgomp.so.1",
                "lib/libgomp.so.1",
                "lib/libgomp.so.1",
            ),
            ("torch/lib/libtorch.so", "", "lib/libtorch.so"),
            ("torch/lib/libtorch_cuda.so", "", "lib/libtorch_cuda.so"),
            ("torch/lib/libtorch_python.so", "", ""),
            ("torch/lib/libshm/core.so.h", "", ""),
            ("torch/bin/ptxas", "", ""),
            ("torch/_C.cpython-311-x86_64-linux-gnu.so", "", ""),
            (
                "torch/include/ATen/ATen.h",
                "include/ATen/ATen.h",
                "include/ATen/ATen.h",
            ),
            (
                "nvidia/cu13/lib/libcudart.so.13",
                "lib/libcudart.so.13",
                "lib/libcudart.so.13",
            ),
            (
                "nvidia/cu13/lib/libcublasLt.so.13",
                "",
                "lib/libcublasLt.so.13",
            ),
            (
                "nvidia/cudnn/lib/libcudnn_ops.so.9",
                "",
                "lib/libcudnn_ops.so.9",
            ),
            ("nvidia/cu13/lib/libcudart_static.a", "", ""),
            ("nvidia/cu13/lib/libnvrtc.alt.so.13", "", ""),
            ("nvidia/cu13/include/cuda_runtime.h", "", ""),
        ];
        for (entry, cpu, cuda) in cases {
            let found = |build| destination(build, entry).unwrap_or_default();
            assert_eq!(found(Build::Cpu), PathBuf::from(cpu), "{entry} for the CPU");
            assert_eq!(found(Build::Cuda), PathBuf::from(cuda), "{entry} for CUDA");
        }
    }

    #[test]
    fn the_cpu_needs_three_wheels_and_cuda_all_that_torch_names() {
        let names = |build| wheels(build).iter().map(|w| w.project).collect::<Vec<_>>();
        assert_eq!(
            names(Build::Cpu),
            ["torch", "nvidia-cuda-runtime", "nvidia-cuda-cupti"]
        );
        // The packages with libraries that torch 2.11.0's metadata requires: four of NVIDIA's by name, and
        // those that the extras of cuda-toolkit 13.0.2 stand for.
        let required = [
            "cudnn-cu13",
            "cusparselt-cu13",
            "nccl-cu13",
            "nvshmem-cu13",
            "cublas",
            "cuda-runtime",
            "cufft",
            "cufile",
            "cuda-cupti",
            "curand",
            "cusolver",
            "cusparse",
            "nvjitlink",
            "cuda-nvrtc",
            "nvtx",
        ];
        let all = names(Build::Cuda);
        assert_eq!(all.len(), required.len() + 1);
        for name in required {
            assert!(all.contains(&format!("nvidia-{name}").as_str()), "{name}");
        }
        for wheel in wheels(Build::Cuda) {
            let stem = format!("{}-{}-", wheel.project.replace('-', "_"), wheel.version);
            assert!(wheel.file.starts_with(&stem), "{}", wheel.file);
            assert_eq!(wheel.sha256.len(), 64, "{}", wheel.file);
        }
    }
}
