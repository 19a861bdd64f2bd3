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
    .library(name: "Training", targets: ["Training"]),
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
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .target(
      name: "CSentencePiece",
      linkerSettings: [.linkedLibrary("sentencepiece"), .linkedLibrary("sentencepiece_train")]),

    .target(name: "MPI", dependencies: ["CMPI"], swiftSettings: lifetimes),
    .target(name: "Kernels", dependencies: ["COpenBLAS"], swiftSettings: fast),
    .target(name: "Mixing", swiftSettings: strict),
    .target(
      name: "Configuration",
      dependencies: [.product(name: "Yams", package: "Yams")], swiftSettings: strict),
    .target(
      name: "Corpus",
      dependencies: ["Configuration", "CSentencePiece", "CXXHash", "CZlib"], swiftSettings: strict),
    .target(name: "Transformer", dependencies: ["Kernels"], swiftSettings: lifetimes),
    .target(
      name: "Training",
      dependencies: [
        "MPI", "Kernels", "Mixing", "Configuration", "Corpus", "Transformer",
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: lifetimes),
    .executableTarget(
      name: "dga",
      dependencies: ["Training", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: strict),

    .target(name: "Launching", path: "Tests/Launching", swiftSettings: strict),
    .executableTarget(
      name: "mpi-check", dependencies: ["MPI", "Training", "Corpus", "Transformer", "Kernels"], path: "Tests/mpi-check",
      swiftSettings: strict),
    .target(name: "allocation-counter", path: "Tests/allocation-counter"),
    .testTarget(name: "MPITests", dependencies: ["mpi-check", "Launching"], swiftSettings: strict),
    .testTarget(name: "KernelsTests", dependencies: ["Kernels"], swiftSettings: strict),
    .testTarget(name: "MixingTests", dependencies: ["Mixing"], swiftSettings: strict),
    .testTarget(name: "ConfigurationTests", dependencies: ["Configuration"], swiftSettings: strict),
    .testTarget(name: "CorpusTests", dependencies: ["Corpus"], swiftSettings: strict),
    .testTarget(name: "TransformerTests", dependencies: ["Transformer", "Kernels"], swiftSettings: strict),
    .testTarget(name: "TrainingTests", dependencies: ["Training"], swiftSettings: strict),
    .testTarget(name: "CommandLineTests", dependencies: ["dga", "Launching"], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
