import Corpus
import Failures
import Foundation
import Testing

/// A temporary directory with texts and recipes, gone when the test is over.
final class Workshop {
  let path: String

  init() throws {
    // In memory where there is such a place: builds synchronise every file, which takes most of the time on a disk.
    let root = access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : NSTemporaryDirectory()
    path = root + "corpus-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    let url = URL(fileURLWithPath: path + "/" + name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
  }

  func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path + "/" + name))) }

  /// Writes a file and packs it; the name gets `.gz`.
  func writePacked(_ name: String, _ text: String) throws {
    try write(name, text)
    let gzip = Process()
    gzip.executableURL = URL(fileURLWithPath: "/bin/gzip")
    gzip.arguments = [path + "/" + name]
    try gzip.run()
    gzip.waitUntilExit()
    #expect(gzip.terminationStatus == 0)
  }

  /// Everything in the directory, hidden names included.
  func contents(_ name: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path + "/" + name).sorted()
  }

  @discardableResult
  func build(
    _ recipe: String, output: String = "out", overrides: [String] = [], shards: Int? = nil, replace: Bool = true,
    progress: @escaping (String) -> Void = { _ in }
  ) throws -> Corpus {
    try write("recipe.yaml", recipe)
    return try Corpus.build(
      recipe: Recipe(contentsOf: path + "/recipe.yaml", overrides: overrides), output: path + "/" + output,
      shards: shards, replace: replace, progress: progress)
  }

  /// The texts that one domain with these options yields, sorted.
  func texts(_ options: String) throws -> [String] {
    try build("tokenizer: {kind: bytes}\ndomains:\n  d: {\(options)}\n").allDocuments()
  }

  /// A corpus of two domains and a target, on bytes.
  func buildExample() throws -> Corpus {
    for i in 0..<20 {
      try write("a/\(i).txt", "Alpha document \(i).\n")
      try write("b/\(i).txt", "Beta text number \(i), somewhat longer.\n")
      try write("t/\(i).txt", "Target \(i)\n")
    }
    return try build(
      """
      tokenizer: {kind: bytes}
      validation: {share: 0.1}
      domains:
        a: {paths: a}
        b: {paths: b}
      targets:
        t: {paths: t, steering: 5documents, evaluation: 10documents}
      """)
  }
}

extension Corpus {
  /// The documents of a slice as texts, in their order.
  func documents(_ slice: TokenSlice) throws -> [String] {
    try slice.tokens(0..<slice.tokenCount).split(separator: tokenizer.endOfDocument, omittingEmptySubsequences: false)
      .dropLast().map { try tokenizer.decode(Array($0)) }
  }
}

/// The names of findings in manifests.
enum FindingName: String {
  case hidden, nameNotUTF8, danglingLink, directoryLink, special, unmatched
  case faulty, notText, empty, duplicate, ofTarget
  case repaired, nearCopy, heldOutElsewhere
  case unknownPieces, lossy, normalised
}

extension Corpus {
  /// The documents of all domains as texts, sorted.
  func allDocuments() throws -> [String] {
    try domains.flatMap { try documents($0.train) + documents($0.validation) }.sorted()
  }

  /// The first finding of a kind.
  func found(_ kind: FindingName) -> Manifest.Finding? { manifest.findings.first { $0.kind == kind.rawValue } }
}

/// Runs something that has to fail and checks the exit code and what the sentence mentions.
func expectFailure(
  _ kinds: Failure.Kind..., mentioning fragments: [String] = [],
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  do {
    try body()
    Issue.record("nothing failed, but \(kinds) was expected", sourceLocation: sourceLocation)
  } catch let failure as Failure {
    #expect(kinds.contains(failure.kind), "\(failure.message)", sourceLocation: sourceLocation)
    for fragment in fragments {
      #expect(failure.message.contains(fragment), sourceLocation: sourceLocation)
    }
  } catch {
    Issue.record("\(error) is no Failure", sourceLocation: sourceLocation)
  }
}

/// A small generator with a fixed seed, so that a failing case comes back.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
