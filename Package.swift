// swift-tools-version: 6.2
import PackageDescription

// DGA_CPU names the processor to compile for (default: this machine); clusters of mixed nodes set the oldest one.
let cpu = Context.environment["DGA_CPU"] ?? "native"
// Warnings stop the build on continuous integration, not on a laptop with a newer compiler.
let strict: [SwiftSetting] = Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]
// Owners of memory hand out spans, whose lifetime annotations the language still calls experimental.
let lifetimes: [SwiftSetting] = strict + [.enableExperimentalFeature("Lifetimes")]
let fast: [SwiftSetting] = lifetimes + [.unsafeFlags(["-O", "-Xcc", "-march=\(cpu)"])]

let package = Package(
  name: "dga",
  products: [
    .executable(name: "dga", targets: ["dga"]),
    // Preloaded by a test.
    .library(name: "allocation-counter", type: .dynamic, targets: ["allocation-counter"]),
    // For the package in Benchmarks.
    .library(name: "Kernels", targets: ["Kernels"]),
    .library(name: "Transformer", targets: ["Transformer"]),
    .library(name: "Benchmarking", targets: ["Benchmarking"]),
    .library(name: "Printing", targets: ["Printing"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    // C libraries, as Debian ships them. Imports below go one way: a target knows only those above it.
    .systemLibrary(name: "CMPI", path: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CIntrinsics"),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CLZMA", pkgConfig: "liblzma", providers: [.apt(["liblzma-dev"])]),
    .systemLibrary(name: "CBzip2", providers: [.apt(["libbz2-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .target(
      name: "CSentencePiece",
      linkerSettings: [.linkedLibrary("sentencepiece"), .linkedLibrary("sentencepiece_train")]),

    .target(name: "CSignals"),

    .target(name: "Failures", swiftSettings: strict),
    .target(name: "Signals", dependencies: ["CSignals", "Failures"], swiftSettings: strict),
    .target(name: "Liveness", dependencies: ["CSignals"], swiftSettings: strict),
    .target(name: "Printing", dependencies: ["Failures"], swiftSettings: strict),
    .target(name: "Settings", swiftSettings: strict),
    .target(name: "Columns", swiftSettings: strict),
    .target(name: "MPI", dependencies: ["CMPI", "Liveness", "Printing"], swiftSettings: lifetimes),
    .target(name: "Kernels", dependencies: ["CIntrinsics", "COpenBLAS"], swiftSettings: fast),
    .target(name: "Transformer", dependencies: ["Kernels"], swiftSettings: lifetimes),
    .target(name: "Mixing", dependencies: ["Columns", "Settings"], swiftSettings: strict),
    .target(
      name: "Configuration",
      dependencies: ["Failures", "Settings", .product(name: "Yams", package: "Yams")], swiftSettings: strict),
    .target(name: "Storage", dependencies: ["Failures", "CXXHash"], swiftSettings: strict),
    .target(
      name: "Corpus",
      dependencies: [
        "Failures", "Signals", "Settings", "Configuration", "Storage", "Printing", "CSentencePiece", "CZlib", "CZstd",
        "CLZMA", "CBzip2",
      ],
      swiftSettings: strict),
    .target(
      name: "Runs", dependencies: ["Failures", "Liveness", "Settings", "Configuration", "Mixing", "Transformer"],
      swiftSettings: strict),
    .target(
      name: "Parallel", dependencies: ["Failures", "Liveness", "Printing", "MPI", "Kernels", "Transformer", "Corpus"],
      swiftSettings: lifetimes),
    .target(
      name: "Clustering",
      dependencies: ["Failures", "Signals", "Printing", "Storage", "Corpus", "MPI", "Kernels"],
      swiftSettings: lifetimes),
    .target(
      name: "Steering",
      dependencies: ["Columns", "Failures", "Corpus", "Mixing", "Runs", "MPI", "Kernels", "Transformer", "Parallel"],
      swiftSettings: lifetimes),
    .target(
      name: "Checkpoints",
      dependencies: [
        "Failures", "Printing", "Storage", "Corpus", "MPI", "Kernels", "Transformer", "Parallel",
      ], swiftSettings: lifetimes),
    .target(
      name: "Training",
      dependencies: [
        "Columns", "Failures", "Signals", "Liveness", "Printing", "Settings", "Configuration", "Storage", "Corpus",
        "Mixing", "Runs", "MPI", "Kernels", "Transformer", "Clustering", "Parallel", "Steering", "Checkpoints",
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: lifetimes),
    .target(
      name: "Inference",
      dependencies: [
        "Failures", "Signals", "Liveness", "Printing", "Storage", "Corpus", "MPI", "Kernels", "Transformer", "Training",
      ], swiftSettings: lifetimes),
    .target(
      name: "Reporting", dependencies: ["Failures", "Printing", "Configuration", "Storage"], swiftSettings: strict),
    .target(
      name: "Studies",
      dependencies: [
        "Failures", "Signals", "Printing", "Configuration", "Storage", "Corpus", "Runs", "Kernels", "Transformer",
        "Training", "Reporting",
      ], swiftSettings: strict),
    .target(
      name: "Benchmarking",
      dependencies: [
        "Failures", "Signals", "Printing", "Settings", "Corpus", "Mixing", "Runs", "MPI", "Kernels", "Transformer",
        "Training",
      ], swiftSettings: lifetimes),
    .executableTarget(
      name: "dga",
      dependencies: [
        "Failures", "Signals", "Liveness", "Printing", "Corpus", "Runs", "MPI", "Kernels", "Clustering", "Training",
        "Inference", "Reporting", "Studies", "Benchmarking",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),

    .target(name: "Launching", path: "Tests/Launching", swiftSettings: strict),
    .executableTarget(
      name: "mpi-check",
      dependencies: [
        "Settings", "MPI", "Kernels", "Transformer", "Corpus", "Runs", "Parallel", "Steering", "Training",
      ],
      path: "Tests/mpi-check", swiftSettings: strict),
    .target(name: "allocation-counter", path: "Tests/allocation-counter"),
    .testTarget(name: "MPITests", dependencies: ["mpi-check", "Launching"], swiftSettings: strict),
    .testTarget(name: "PrintingTests", dependencies: ["Printing"], swiftSettings: strict),
    .testTarget(name: "LivenessTests", dependencies: ["Liveness"], swiftSettings: strict),
    .testTarget(name: "KernelsTests", dependencies: ["Kernels"], swiftSettings: strict),
    .testTarget(name: "TransformerTests", dependencies: ["Transformer", "Kernels"], swiftSettings: strict),
    .target(name: "ConvexQuadratics", dependencies: ["Mixing"], path: "Tests/ConvexQuadratics", swiftSettings: strict),
    .executableTarget(
      name: "quadratic", dependencies: ["ConvexQuadratics", "Printing"], path: "Tests/quadratic", swiftSettings: strict),
    .testTarget(
      name: "MixingTests", dependencies: ["Mixing", "Settings", "ConvexQuadratics"], swiftSettings: strict),
    .testTarget(
      name: "ConfigurationTests", dependencies: ["Configuration", "Failures", "Settings"], swiftSettings: strict),
    .testTarget(name: "StorageTests", dependencies: ["Storage", "Failures"], swiftSettings: strict),
    .testTarget(
      name: "CorpusTests", dependencies: ["Corpus", "Storage", "Failures", "Configuration"], swiftSettings: strict),
    .testTarget(
      name: "RunsTests", dependencies: ["Runs", "Configuration", "Failures", "Mixing", "Settings"],
      swiftSettings: strict),
    .testTarget(
      name: "ParallelTests", dependencies: ["Parallel", "Kernels", "Transformer", "Runs"], swiftSettings: strict),
    .testTarget(
      name: "ClusteringTests", dependencies: ["Clustering", "Failures", "Storage", "Corpus", "MPI", "Kernels"],
      swiftSettings: strict),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "Failures", "Settings", "Corpus", "Mixing", "Runs", "MPI", "Kernels", "Parallel", "Steering", "Checkpoints",
        "Training",
      ], swiftSettings: strict),
    .testTarget(
      name: "InferenceTests",
      dependencies: ["Failures", "Corpus", "MPI", "Kernels", "Transformer", "Inference"], swiftSettings: strict),
    .testTarget(name: "ReportingTests", dependencies: ["Reporting", "Failures"], swiftSettings: strict),
    .testTarget(
      name: "CommandLineTests", dependencies: ["dga", "Launching", "Corpus", "Storage"], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)

// Coverage-guided fuzzing of the parsers, which launch/fuzz builds with libFuzzer; no other build has this target.
if Context.environment["DGA_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "fuzz",
      dependencies: [
        "Failures", "Settings", "Configuration", "Storage", "Corpus", "Mixing", "Runs", "Transformer", "Checkpoints",
        "Training", "Reporting",
      ],
      path: "Tests/fuzzing", swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
}
