import Corpus
import Foundation
import Kernels
import MPI
import Signals

/// The pieces that tell a cluster from the other documents: those with the largest m ln(m / M), where m is a piece's
/// mean weight in the cluster's documents and M that in all.
///
/// Only pieces are words that begin with a space, and have three letters or more, or two beyond the Latin ones.
struct TellingWords {
  /// The text of each piece that is a word; nil for others.
  private let words: [String?]
  /// The mean weight of each piece in all documents to train on.
  private let means: [Double]
  private var document: WeighedDocument
  private var sums: [Double]
  private var touched: [Int32] = []
  private var documents = 0

  /// Weighs the pieces of all documents to train on.
  ///
  /// Collective: every rank calls, and reads its share of the documents. Sums are integers, so all ranks have the same.
  ///
  /// - Throws: `Failure`, agreed; `MPIError`.
  init(_ weights: PieceWeights, of list: DocumentList, _ tokenizer: Tokenizer, over world: borrowing Communicator)
    throws
  {
    let all = list.places(of: .train)
    let share = world.block(of: all.count, rank: world.rank)
    var document = WeighedDocument(weights)
    var sums = try world.agree {
      var sums = [Int64](repeating: 0, count: weights.values.count)
      var tokens: [Int32] = []
      for place in share {
        if place % 256 == 0 { try StopSignal.check(DocumentVectors.consequenceOfStopping) }
        try list.read(all.lowerBound + place, into: &tokens)
        document.weigh(tokens)
        for (piece, factor) in zip(document.pieces, document.factors) { sums[Int(piece)] += FixedPoint.units(factor) }
      }
      return sums
    }
    var span = sums.mutableSpan
    try world.allReduce(&span, .sum)
    means = sums.map { Double($0) / Double(FixedPoint.one) / Double(max(all.count, 1)) }
    words = tokenizer.pieces.map(Self.word)
    self.document = document
    self.sums = [Double](repeating: 0, count: weights.values.count)
  }

  private static func word(_ bytes: [UInt8]) -> String? {
    guard let text = String(validating: bytes, as: UTF8.self), text.first == " " else { return nil }
    let word = text.dropFirst()
    guard word.allSatisfy(\.isLetter), word.count >= (word.unicodeScalars.contains { $0.value >= 0x250 } ? 2 : 3) else {
      return nil
    }
    return String(word)
  }

  /// Adds a document of the present cluster.
  mutating func add(_ tokens: [Int32]) {
    document.weigh(tokens)
    for (piece, factor) in zip(document.pieces, document.factors) {
      if sums[Int(piece)] == 0 { touched.append(piece) }
      sums[Int(piece)] += Double(factor)
    }
    documents += 1
  }

  /// The most telling words of the present cluster, of which nothing is kept.
  mutating func take(most: Int = 10) -> [String] {
    let scored = touched.compactMap { piece -> (word: String, score: Double)? in
      let (mean, all) = (sums[Int(piece)] / Double(documents), means[Int(piece)])
      guard let word = words[Int(piece)], mean > all, all > 0 else { return nil }
      return (word, mean * log(mean / all))
    }
    for piece in touched { sums[Int(piece)] = 0 }
    touched.removeAll(keepingCapacity: true)
    documents = 0
    var best: [String] = []
    for (word, _) in scored.sorted(by: { ($1.score, $0.word) < ($0.score, $1.word) }) where best.count < most {
      if !best.contains(where: { $0.lowercased() == word.lowercased() }) { best.append(word) }
    }
    return best
  }
}
