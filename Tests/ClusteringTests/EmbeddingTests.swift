import Clustering
import Corpus
import Failures
import Foundation
import Storage
import Testing

@Suite struct EmbeddingTests {
  /// A corpus of two documents in train, one in validation and two of a target.
  private func corpus() throws -> Corpus {
    try RandomCorpus(vocabularySize: 64, domains: ["a", "b"], targets: ["t"], trainTokens: 500, otherTokens: 300)
      .inMemory()
  }

  /// An `.npy` file of a shape, of zeros that take no room.
  private func withFile(_ shape: String, type: String, bytes: Int, _ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "dga-\(UUID().uuidString).npy"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let literal = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }\n"
    try Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(literal.utf8.count), 0] + Array(literal.utf8))
      .write(to: URL(filePath: path))
    truncate(path, 10 + literal.utf8.count + bytes)
    try body(path)
  }

  @Test(arguments: [
    ("(6, 1048577)", "<f4", 6 * 1_048_577 * 4, "vectors of 1048577 elements"), ("(6, 0)", "<f4", 0, "of 0 elements"),
    ("(6,)", "<f4", 24, "one row of numbers per document"),
    ("(2, 3, 4)", "<f8", 192, "one row of numbers per document"),
    ("()", "<f4", 4, "one row of numbers per document"), ("(5, 4)", "<f4", 80, "5 rows"),
    ("(0, 4)", "<f4", 0, "0 rows"), ("(6, 4)", "<i4", 96, "has integers"),
  ])
  func `A file that has no vectors of all documents is refused`(
    shape: String, type: String, bytes: Int, sentence: String
  ) throws {
    let list = DocumentList(of: try corpus())
    #expect(list.count == 6)
    try withFile(shape, type: type, bytes: bytes) { path in
      let error = #expect(throws: Failure.self) { _ = try StoredEmbedding(path, of: list) }
      #expect(error?.kind == .badData && error?.message.contains(sentence) == true, "\(String(describing: error))")
    }
  }

  @Test func `Steering documents are counted in the domain whose documents are most alike`() throws {
    let corpus = try RandomCorpus(
      vocabularySize: 512, domains: ["a", "b", "c"], targets: ["like-a", "like-b", "like-c"], trainTokens: 3000,
      otherTokens: 1000
    ).inMemory()
    for (place, target) in corpus.targets.enumerated() {
      #expect(try TargetHistogram.of(target.name, in: corpus) == (0..<3).map { $0 == place ? 1 : 0 })
    }
    #expect(throws: Failure.self) { _ = try TargetHistogram.of("none", in: corpus) }
  }
}
