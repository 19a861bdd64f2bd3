import Corpus
import Foundation
import MPI
import Parallel
import Testing

extension MiddleTests {
  /// Windows that an exchange brings, against those of the text in one file.
  @Suite struct WindowExchangeTests {
    private static let length = 16

    /// A corpus of documents that are shorter than a window, whole and cut into shards.
    private func corpora(shards: Int) throws -> (whole: Corpus, cut: Corpus) {
      let path = FileManager.default.temporaryDirectory.path + "/" + UUID().uuidString
      defer { try? FileManager.default.removeItem(atPath: path) }
      for (domain, letters) in [("a", "abcdef"), ("b", "uvwxyz")] {
        try FileManager.default.createDirectory(atPath: "\(path)/\(domain)", withIntermediateDirectories: true)
        for number in 0..<30 {
          try Data("\(letters.shuffled().map(String.init).joined()) \(number)".utf8)
            .write(to: URL(filePath: "\(path)/\(domain)/\(number)"))
        }
      }
      try Data("tokenizer: {kind: bytes}\nvalidation: {share: 0.1}\ndomains: {a: {paths: a}, b: {paths: b}}\n".utf8)
        .write(to: URL(filePath: path + "/recipe.yaml"))
      let recipe = try Recipe(contentsOf: path + "/recipe.yaml")
      return (
        try Corpus.build(recipe: recipe, output: path + "/whole"),
        try Corpus.build(recipe: recipe, output: path + "/cut", shards: shards)
      )
    }

    @Test(
      "Windows that are brought have the tokens of the text, across any number of shards", arguments: [1, 2, 7, 50])
    func tokens(shards: Int) throws {
      let (whole, cut) = try corpora(shards: shards)
      let world = Communicator.alone()
      let holders = try #require(try ShardHolders(of: cut, over: world))
      let exchange = WindowExchange(cut.domains, holders, length: Self.length, for: .measuring)
      let source = WindowSource.exchanged(exchange)
      let windows = whole.domains.indices.flatMap { domain in
        let count = windowCount(tokens: whole.domains.trainTokens(domain), context: Self.length)
        return (0..<count).shuffled().map { Window(domain: Int32(domain), index: $0) }
      }
      let mapped = WindowSource.mapped(TokenSlices(trainOf: whole.domains))
      let batches = stride(from: 0, to: windows.count, by: 7).map { windows[$0..<min($0 + 7, windows.count)] }
      #expect(batches.count > 3)
      for (number, batch) in batches.enumerated() {
        try source.bring(batch, over: world) { _ in 0 }
        // What is on its way, wanted or not, does not touch what is here.
        try source.ask(for: batches[(number + number % 3) % batches.count], over: world) { _ in 0 }
        for order in [Array(batch), batch.reversed()] {
          #expect(try tokens(of: order, from: source) == tokens(of: order, from: mapped))
        }
      }
    }

    private func tokens(of windows: [Window], from source: WindowSource) throws -> [Int32] {
      var reader = BatchReader(length: Self.length, capacity: windows.count)
      for window in windows { try reader.append(window, from: source) }
      return reader.windows.indices.map { reader.windows[$0] }
    }

    @Test("Parts of windows are dealt to every rank in their order, with their text")
    func dealing() throws {
      let (whole, cut) = try corpora(shards: 3)
      let world = Communicator.alone()
      let holders = try #require(try ShardHolders(of: cut, over: world))
      let exchange = WindowExchange(cut.domains, holders, length: Self.length, for: .measuring)
      let source = WindowSource.exchanged(exchange)
      let mapped = WindowSource.mapped(TokenSlices(trainOf: whole.domains))
      let windows = (0..<10).map { Window(domain: Int32($0 % 2), index: $0) }
      let parts = [0..<3, 3..<4, 4..<10]
      var seen: [Int] = []
      try source.deal(windows, in: parts, over: world) { part in
        seen.append(part)
        let own = Array(windows[parts[part]])
        let (found, expected) = (try tokens(of: own, from: source), try tokens(of: own, from: mapped))
        #expect(found == expected)
      }
      #expect(seen == [0, 1, 2])
    }
  }
}
