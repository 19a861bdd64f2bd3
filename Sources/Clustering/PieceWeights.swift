import Corpus
import Foundation
import MPI
import Signals

/// How much each piece of the vocabulary tells of a document's subject: its inverse document frequency, ln(N / n) for a
/// piece that n of N documents have.
///
/// Pieces that every document has, or none, weigh nothing; so does the end of a document.
public struct PieceWeights: Sendable {
  /// The weight of each piece, (vocabulary).
  public let values: [Float]

  /// Takes over weights that were computed before.
  public init(_ values: [Float]) { self.values = values }

  /// Counts in how many of the documents to train on each piece occurs.
  ///
  /// Collective: every rank calls, and reads its share of the documents.
  ///
  /// - Throws: `Failure`, agreed; `MPIError`.
  public init(of list: DocumentList, _ corpus: Corpus, over world: borrowing Communicator) throws {
    let documents = list.places(of: .train)
    let share = world.block(of: documents.count, rank: world.rank)
    var counts = try world.agree {
      try Self.counts(documents[offset: share], of: list, corpus)
    }
    var span = counts.mutableSpan
    try world.allReduce(&span, .sum)
    self.init(counts, documents: documents.count)
  }

  /// Counts in how many of some documents each piece occurs, on this rank alone.
  ///
  /// - Throws: `Failure`.
  init(of documents: some Collection<Int>, _ list: DocumentList, _ corpus: Corpus) throws {
    self.init(try Self.counts(documents, of: list, corpus), documents: documents.count)
  }

  private init(_ counts: [Int64], documents: Int) {
    values = counts.map { $0 == 0 ? 0 : Float(log(Double(documents) / Double($0))) }
  }

  /// The number of documents that each piece occurs in; none for the end of a document.
  private static func counts(
    _ documents: some Collection<Int>, of list: DocumentList, _ corpus: Corpus
  ) throws -> [Int64] {
    var counts = [Int64](repeating: 0, count: corpus.vocabularySize)
    var last = [Int](repeating: -1, count: corpus.vocabularySize)
    var tokens: [Int32] = []
    for place in documents {
      if place % 256 == 0 { try StopSignal.check(DocumentVectors.consequenceOfStopping) }
      try list.read(place, into: &tokens)
      for token in tokens where last[Int(token)] != place {
        last[Int(token)] = place
        counts[Int(token)] += 1
      }
    }
    counts[Int(corpus.tokenizer.endOfDocument)] = 0
    return counts
  }
}

/// The pieces of one document after another with their weights: (1 + ln n) for a piece that occurs n times, times the
/// piece's own weight, all divided by the length of that vector (Salton and Buckley, 1988).
struct WeighedDocument {
  /// The different pieces that have a weight, in the order in which they come first.
  private(set) var pieces: [Int32] = []
  /// Their weights; the sum of squares is 1, if there is any.
  private(set) var factors: [Float] = []

  private let weights: PieceWeights
  private var counts: [Int32]
  private static let logarithms = [0] + (1..<1024).map { Float(1 + log(Double($0))) }

  init(_ weights: PieceWeights) {
    self.weights = weights
    counts = [Int32](repeating: 0, count: weights.values.count)
  }

  /// Weighs the pieces of a document.
  ///
  /// - Precondition: Every token is in the vocabulary.
  mutating func weigh(_ tokens: [Int32]) {
    pieces.removeAll(keepingCapacity: true)
    factors.removeAll(keepingCapacity: true)
    for token in tokens {
      if counts[Int(token)] == 0 && weights.values[Int(token)] > 0 { pieces.append(token) }
      counts[Int(token)] &+= 1
    }
    var square: Float = 0
    for piece in pieces {
      let count = Int(counts[Int(piece)])
      let frequency = count < Self.logarithms.count ? Self.logarithms[count] : Float(1 + log(Double(count)))
      let factor = frequency * weights.values[Int(piece)]
      square += factor * factor
      factors.append(factor)
    }
    let scale = square > 0 ? 1 / square.squareRoot() : 0
    for place in factors.indices { factors[place] *= scale }
    for token in tokens { counts[Int(token)] = 0 }
  }
}
