// swift-tools-version: 6.2
import PackageDescription

// Finer measurements than `dga benchmark` makes: one kernel over many sizes, with as many threads as you like.
let package = Package(
  name: "benchmarks",
  dependencies: [.package(name: "dga", path: "..")],
  targets: [
    .executableTarget(
      name: "sweep",
      dependencies: [
        .product(name: "Kernels", package: "dga"), .product(name: "Transformer", package: "dga"),
        .product(name: "Benchmarking", package: "dga"), .product(name: "Printing", package: "dga"),
      ],
      swiftSettings: [.enableExperimentalFeature("Lifetimes")])
  ],
  swiftLanguageModes: [.v6]
)
