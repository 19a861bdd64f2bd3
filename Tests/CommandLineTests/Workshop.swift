import Foundation
import Launching
import Testing

/// A temporary directory with texts, a corpus of them and a configuration to train on it; gone when the test is over.
final class Workshop {
  let path: String

  /// The language of each domain; `twin` has the target's, `digits` that of the target `other`.
  private static let languages: [(name: String, alphabet: String, vocabularySeed: UInt64)] = [
    ("twin", "abcdefgh", 1), ("upper", "ABCDEFGH", 2), ("digits", "0123456789", 3), ("greek", "αβγδεζηθ", 4),
  ]

  /// Writes 16 documents of each domain and target, all different, and the recipe; builds the corpus unless told not
  /// to.
  init(build: Bool = true) throws {
    // In memory where that exists: waiting for a disk to synchronise would be most of the time.
    let memory = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm/" : NSTemporaryDirectory()
    path = memory + "dga-" + UUID().uuidString
    let target = (name: "target", alphabet: "abcdefgh", vocabularySeed: UInt64(1))
    let other = (name: "other", alphabet: "0123456789", vocabularySeed: UInt64(3))
    for (index, language) in (Self.languages + [target, other]).enumerated() {
      var generator = WordGenerator(
        alphabet: language.alphabet, vocabularySeed: language.vocabularySeed, seed: UInt64(100 + index))
      for document in 0..<16 { try write("texts/\(language.name)/\(document).txt", generator.document()) }
    }
    try write(
      "recipe.yaml",
      """
      tokenizer: {kind: bytes}
      validation: {share: 0.1}
      domains:
        twin: {paths: texts/twin}
        upper: {paths: texts/upper}
        digits: {paths: texts/digits}
        greek: {paths: texts/greek}
      targets:
        target: {paths: texts/target, steering: 6documents, evaluation: 10documents}
        other: {paths: texts/other, steering: 6documents, evaluation: 10documents}
      """)
    try write(
      "run.yaml",
      """
      run: \(path)/run
      corpus: \(path)/corpus
      target: target
      model: {layers: 2, heads: 2, width: 32, context: 32}
      batch: {sequences: 16}
      duration: 50steps
      optimizer: {learning_rate: 2e-3, warmup: 10steps}
      mixture: {method: dga, every: 10steps, eta: 0.5, smoothing: {new_weight: 0.3}}
      evaluation: {every: 25steps, sequences: 16}
      """)
    if build {
      let outcome = try self.build()
      try #require(outcome.status == 0, "\(outcome.output)")
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  // MARK: Files

  func write(_ name: String, _ text: String) throws { try write(name, Data(text.utf8)) }

  func write(_ name: String, _ data: Data) throws {
    let url = URL(filePath: "\(path)/\(name)")
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: url)
  }

  func read(_ name: String) throws -> Data { try Data(contentsOf: URL(filePath: "\(path)/\(name)")) }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }

  /// Every file with its size, and every directory, hidden ones included.
  func listing() throws -> [String] {
    let outcome = try Launching.run(["find", path, "-type", "f", "-printf", "%P %s\n", "-o", "-printf", "%P/\n"])
    return outcome.standardOutput.split(separator: "\n").map(String.init).sorted()
  }

  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: "\(path)/\(name)") }

  // MARK: Commands

  /// Runs `dga corpus build`, which replaces an older corpus.
  func build(output: String = "corpus", _ overrides: [String] = []) throws -> Outcome {
    try dga(["corpus", "build", "\(path)/recipe.yaml", "-o", "\(path)/\(output)", "--replace"] + overrides)
  }

  /// Runs `dga` without `mpirun`.
  func dga(_ arguments: [String]) throws -> Outcome { try Launching.run(Launch.alone.command("dga", arguments)) }

  /// Runs `dga train`; overrides come after the configuration, flags too.
  func train(_ launch: Launch = .mpirun(2), run name: String = "run", _ overrides: String...) throws -> Outcome {
    try start(launch, run: name, overrides).wait()
  }

  /// Starts `dga train`.
  func start(_ launch: Launch = .mpirun(2), run name: String = "run", _ overrides: [String]) throws -> Program {
    try Program(launch.command("dga", ["train", "\(path)/run.yaml", "--json", "run=\(path)/\(name)"] + overrides))
  }

  /// Runs `dga train`, which has to succeed, and returns what it prints at the end.
  func finish(_ launch: Launch = .mpirun(2), run name: String = "run", _ overrides: String...) throws -> Ending {
    try finish(launch, run: name, overrides)
  }

  func finish(_ launch: Launch = .mpirun(2), run name: String = "run", _ overrides: [String]) throws -> Ending {
    let outcome = try start(launch, run: name, overrides).wait()
    try #require(outcome.status == 0, "\(outcome.output)")
    return try ending(of: outcome)
  }

  func ending(of outcome: Outcome) throws -> Ending {
    try JSONDecoder().decode(Ending.self, from: Data(outcome.standardOutput.utf8))
  }
}

/// What a run prints at its end, as far as it does not depend on time.
struct Ending: Decodable, Equatable {
  let steps, tokens, probe_tokens: Int
  let target_loss, generic_loss: Double
  let batches_hash, parameters_hash: String
}
