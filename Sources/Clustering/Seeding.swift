import Corpus
import Kernels
import MPI

/// The first centers of one node, chosen from a sample of its documents' vectors by k-means++ (Arthur and
/// Vassilvitskii, 2007): each is drawn in proportion to its distance from those chosen before, several times, and the
/// draw that leaves the least distances is kept.
///
/// Of more than 64 centers a 64th is drawn at once, without trials, as k-means|| does (Bahmani et al., 2012).
struct Seeding: ~Copyable {
  private let sample: Matrix
  private let random: Philox
  /// The number of the node, which sets its random numbers apart from those of others.
  private let node: Int
  private var draws = 0
  /// The distance of each row from the nearest center so far: 1 minus the inner product.
  private var distances: [Float]
  private var products: Arena

  private static let rounds = 64

  init(_ sample: Matrix, seed: Int, node: Int) {
    self.sample = sample
    self.node = node
    random = Philox(seed: UInt64(bitPattern: Int64(seed)))
    // The largest that a distance can be, for all the same: the first center is any.
    distances = [Float](repeating: 2, count: sample.rows)
    products = Arena(count: 0)
  }

  /// Chooses as many rows of the sample as `centers` has, and copies them there.
  ///
  /// - Precondition: The sample has at least as many rows as there are centers.
  mutating func choose(into centers: Matrix) {
    precondition(sample.rows >= centers.rows)
    let atOnce = (centers.rows + Self.rounds - 1) / Self.rounds
    let trials = 2 + (Int.bitWidth - centers.rows.leadingZeroBitCount) * 7 / 10
    products = Arena(count: sample.rows * max(atOnce, trials))
    var chosen = 0
    while chosen < centers.rows {
      let count = min(atOnce, centers.rows - chosen)
      let drawn = draw(atOnce == 1 && chosen > 0 ? min(trials, sample.rows) : count)
      let storage = Arena(count: drawn.count * sample.columns)
      let candidates = storage.matrix(at: 0, rows: drawn.count, columns: sample.columns)
      for (place, row) in drawn.enumerated() {
        copy(sample.rows(row, count: 1), to: candidates.rows(place, count: 1))
      }
      innerProducts(sample, candidates, into: products.matrix(at: 0, rows: sample.rows, columns: drawn.count))
      let kept = atOnce == 1 ? best(of: drawn.count) : 0
      lower(by: kept..<kept + count, of: drawn.count)
      copy(candidates.rows(kept, count: count), to: centers.rows(chosen, count: count))
      chosen += count
    }
  }

  /// Draws different rows in proportion to their distances; where fewer are apart, the rest are any.
  private mutating func draw(_ count: Int) -> [Int] {
    var sums: [Double] = []
    sums.reserveCapacity(distances.count)
    var sum = 0.0
    for distance in distances {
      sum += Double(distance)
      sums.append(sum)
    }
    var rows: [Int] = []
    var known: Set<Int> = []
    for _ in 0..<4 * count where rows.count < count {
      let (low, _) = random.pair(draws, node, stream: RandomStream.seeding.rawValue)
      draws += 1
      let row = Self.first(of: sums, above: Double(low >> 11) * 0x1p-53 * sum)
      if known.insert(row).inserted { rows.append(row) }
    }
    for row in distances.indices where rows.count < count && known.insert(row).inserted { rows.append(row) }
    return rows
  }

  /// The candidate that leaves the least distances in all; of equal ones the first.
  private func best(of candidates: Int) -> Int {
    guard candidates > 1 else { return 0 }
    var sums = [Double](repeating: 0, count: candidates)
    let (distances, products) = (distances.span, products.span)
    for row in 0..<distances.count {
      for place in 0..<candidates {
        sums[place] += Double(max(0, min(distances[row], 1 - products[row * candidates + place])))
      }
    }
    return sums.indices.min { (sums[$0], $0) < (sums[$1], $1) } ?? 0
  }

  /// Lowers the distances to those from the nearest of some candidates, where that is less.
  private mutating func lower(by kept: Range<Int>, of candidates: Int) {
    for row in distances.indices {
      var distance = distances[row]
      for place in kept { distance = max(0, min(distance, 1 - products.span[row * candidates + place])) }
      distances[row] = distance
    }
  }

  /// The place of the first of ascending numbers that is above a number; the last if none is.
  private static func first(of sums: [Double], above number: Double) -> Int {
    var (low, high) = (0, sums.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] > number { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

/// Vectors of some documents of each of several nodes, the same on all ranks.
struct SeedSample: ~Copyable {
  private let storage: Arena
  private let dimensions: Int
  /// The rows of each node.
  private let ranges: [Range<Int>]

  /// Rows of all nodes together, unless their centers need more.
  private static let size = 1 << 14
  /// The least rows per center.
  private static let least = 4

  /// Collects the sample: documents at even distances along the corpus, each moved at random by less than that.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `MPIError`.
  init(
    _ nodes: [NodeSplitting.Node], rows: [Int32], of vectors: Matrix, seed: Int, over world: borrowing Communicator
  ) throws {
    let documents = nodes.reduce(0) { $0 + $1.documents }
    var next = 0
    let ranges = nodes.map { node in
      let share = Int(Double(Self.size) * Double(node.documents) / Double(documents))
      let count = min(node.documents, max(share, Self.least * node.centers.count))
      defer { next += count }
      return next..<next + count
    }
    let dimensions = vectors.columns
    var storage = Arena(count: next * dimensions)
    let random = Philox(seed: UInt64(bitPattern: Int64(seed)))
    for (node, range) in zip(nodes, ranges) {
      for place in 0..<range.count {
        let first = place * node.documents / range.count
        let room = UInt64((place + 1) * node.documents / range.count - first)
        let (bits, _) = random.pair(place, node.number, stream: RandomStream.sample.rawValue)
        let document = first + Int(bits % room) - node.earlier
        guard node.rows.indices.contains(node.rows.lowerBound + document) else { continue }
        let row = Int(rows[node.rows.lowerBound + document])
        copy(
          vectors.rows(row, count: 1),
          to: storage.matrix(at: (range.lowerBound + place) * dimensions, rows: 1, columns: dimensions))
      }
    }
    // Each row is another rank's zeros but once, so the sum is a copy.
    var span = storage.mutableSpan
    try world.allReduce(&span, .sum)
    self.storage = storage
    self.ranges = ranges
    self.dimensions = dimensions
  }

  /// Chooses the first centers of each node.
  func choose(into centers: Matrix, for nodes: [NodeSplitting.Node], seed: Int) {
    for (node, range) in zip(nodes, ranges) {
      let sample = storage.matrix(at: range.lowerBound * dimensions, rows: range.count, columns: dimensions)
      var seeding = Seeding(sample, seed: seed, node: node.number)
      seeding.choose(into: centers.rows(node.centers.lowerBound, count: node.centers.count))
    }
  }
}
