import Corpus
import Foundation
import Kernels
import MPI
import Signals

/// Spherical k-means (Dhillon and Modha, 2001) within several nodes of a tree at once: each node's documents are split
/// among centers of their own.
///
/// Ranks share the documents. Sums are integers (``FixedPoint``), so they are the same whatever ranks add them, and
/// only documents that moved are added and taken away. A node is settled when none of its documents moves, or the sum
/// of distances falls by less than a given part. Its centers are then those that its documents were last assigned by:
/// whoever looks for the nearest center finds the same.
struct NodeSplitting: ~Copyable {
  /// One of the nodes.
  struct Node {
    /// Level and number of the node, which set its random numbers apart.
    let number: Int
    /// Its part of this rank's rows.
    let rows: Range<Int>
    /// Documents that earlier ranks hold, and that all hold.
    let earlier, documents: Int
    /// Its centers.
    let centers: Range<Int>
    /// The sum of distances after the last assignment.
    var distance = Double.infinity
    var isSettled = false
  }

  private let settings: ClusterSettings
  private let vectors: Matrix
  /// Rows of `vectors`, those of a node side by side.
  private let rows: [Int32]
  private(set) var nodes: [Node]
  private var storage: Arena
  /// The centers of all nodes, (centers, dimensions).
  let centers: Matrix
  /// What is taken off the similarity to each center, (1, centers), where sizes are balanced.
  private let handicaps: Arena
  /// The center of each place of `rows`, from the first node's first place on; -1 before the first assignment.
  private var assignment: [Int32]
  private var sums: [Int64]
  /// Documents of each center, all ranks together.
  private(set) var counts: [Int64]
  /// What this iteration changes: sums, counts, then each node's similarity and number of moved documents.
  private var changes: [Int64]
  /// The most even assignment of each node so far, where sizes are balanced.
  private var evenest: [EvenAssignment?]

  private struct EvenAssignment {
    let counts: ArraySlice<Int64>
    let assignment: ArraySlice<Int32>
    let centers: [Float]
  }

  private var dimensions: Int { vectors.columns }

  /// Prepares to split some nodes of a level, each into so many.
  init(
    _ group: Range<Int>, children: [Int], _ documents: NodeDocuments, of vectors: Matrix, _ settings: ClusterSettings,
    level: Int
  ) {
    var count = 0
    nodes = group.map { node in
      defer { count += children[node] }
      return Node(
        number: level << 40 | node, rows: documents.groups.ranges[node], earlier: documents.earlier[node],
        documents: documents.all[node], centers: count..<count + children[node])
    }
    rows = documents.groups.rows
    self.vectors = vectors
    self.settings = settings
    storage = Arena(count: count * vectors.columns)
    centers = storage.matrix(at: 0, rows: count, columns: vectors.columns)
    handicaps = Arena(count: count)
    let places = (nodes.first?.rows.lowerBound ?? 0)..<(nodes.last?.rows.upperBound ?? 0)
    assignment = [Int32](repeating: -1, count: places.count)
    sums = [Int64](repeating: 0, count: count * vectors.columns)
    counts = [Int64](repeating: 0, count: count)
    changes = [Int64](repeating: 0, count: count * vectors.columns + count + 2 * nodes.count)
    evenest = [EvenAssignment?](repeating: nil, count: nodes.count)
  }

  /// The elements of a center.
  func center(_ number: Int) -> [Float] { elements(of: centers.rows(number, count: 1)) }

  /// The center that the document at a place of the rows was assigned to.
  func center(ofPlace place: Int) -> Int32 { assignment[place - nodes[0].rows.lowerBound] }

  /// Splits the nodes.
  ///
  /// Collective: every rank calls.
  ///
  /// - Parameter progress: Is called after each iteration with its number and the share of documents that moved.
  /// - Throws: `Failure(.preempted)`, agreed; `MPIError`.
  mutating func run(over world: borrowing Communicator, progress: (_ iteration: Int, _ moved: Double) -> Void) throws {
    try SeedSample(nodes, rows: rows, of: vectors, seed: settings.seed, over: world)
      .choose(into: centers, for: nodes, seed: settings.seed)
    let documents = nodes.reduce(0) { $0 + $1.documents }
    var search = NearestSearch(dimensions: dimensions)
    for iteration in 1...settings.iterations {
      try world.agree { try StopSignal.check(DocumentVectors.consequenceOfStopping) }
      assign(by: &search)
      var span = changes.mutableSpan
      try world.allReduce(&span, .sum)
      let moved = takeChanges()
      progress(iteration, Double(moved) / Double(max(documents, 1)))
      // The first ones are even for want of anything better.
      if settings.isBalanced, 2 * iteration >= settings.iterations { keepEvenest() }
      if nodes.allSatisfy(\.isSettled) || iteration == settings.iterations { break }
      moveCenters(iteration)
    }
    takeEvenest()
  }

  /// Assigns this rank's documents to their nearest centers, and notes what that changes.
  private mutating func assign(by search: inout NearestSearch) {
    for place in changes.indices { changes[place] = 0 }
    for (number, node) in nodes.enumerated() where !node.isSettled {
      assign(node, by: &search, tally: centers.count + centers.rows + 2 * number)
    }
  }

  private mutating func assign(_ node: Node, by search: inout NearestSearch, tally: Int) {
    let (first, dimensions, countsStart) = (node.centers.lowerBound, dimensions, centers.count)
    let start = nodes[0].rows.lowerBound
    var similarity: Int64 = 0
    var moved: Int64 = 0
    let (balances, handicap) = (settings.isBalanced, handicaps.row.columns(first, count: node.centers.count))
    search.run(
      vectors, rows: rows[node.rows], centers: centers.rows(first, count: node.centers.count),
      handicaps: balances ? handicap : nil
    ) { place, vector, center, product in
      similarity += FixedPoint.units(balances ? product + handicap[0, center] : product)
      let (old, new) = (Int(assignment[place - start]), first + center)
      guard new != old else { return }
      assignment[place - start] = Int32(new)
      moved += 1
      var span = changes.mutableSpan
      FixedPoint.add(vector, to: &span, at: new * dimensions)
      span[countsStart + new] += 1
      guard old >= 0 else { return }
      FixedPoint.add(vector, negated: true, to: &span, at: old * dimensions)
      span[countsStart + old] -= 1
    }
    changes[tally] = similarity
    changes[tally + 1] = moved
  }

  /// Adds the changes of all ranks, and settles nodes; returns how many documents moved.
  private mutating func takeChanges() -> Int {
    for place in sums.indices { sums[place] += changes[place] }
    for center in counts.indices { counts[center] += changes[centers.count + center] }
    var all = 0
    for number in nodes.indices where !nodes[number].isSettled {
      let tally = centers.count + centers.rows + 2 * number
      let node = nodes[number]
      let distance = Double(node.documents) - Double(changes[tally]) / Double(FixedPoint.one)
      let gain = (node.distance - distance) / node.distance
      let isWhole = !counts[node.centers].contains(0) && (!settings.isBalanced || isBalanced(node))
      let isStill = changes[tally + 1] == 0
      let mayEnd = isWhole || (isStill && !settings.isBalanced)
      nodes[number].isSettled = mayEnd && (isStill || gain < settings.tolerance)
      nodes[number].distance = distance
      all += Int(changes[tally + 1])
    }
    return all
  }

  /// Moves the centers of nodes that are not settled to the means of their documents.
  private mutating func moveCenters(_ iteration: Int) {
    for node in nodes where !node.isSettled {
      for center in node.centers where counts[center] > 0 { setMean(center) }
      if settings.isBalanced { balance(node, iteration) }
      mend(node, iteration)
    }
  }

  /// Whether no cluster of a node has a quarter more documents than the mean, and one more.
  private func isBalanced(_ node: Node) -> Bool {
    let most = 5 * node.documents / (4 * node.centers.count) + 1
    return counts[node.centers].allSatisfy { $0 <= most }
  }

  /// Makes large clusters of a node harder to reach and small ones easier, in proportion to what they have too much or
  /// lack, by less from iteration to iteration: subgradient steps on the multipliers of equal sizes.
  private func balance(_ node: Node, _ iteration: Int) {
    let mean = Double(node.documents) / Double(node.centers.count)
    // Of the size of what similarities differ by, or all documents would change places at once.
    let spread = min(1, max(0, node.distance / Double(node.documents)))
    let step = 0.2 * spread / (1 + Double(iteration) / 5)
    for center in node.centers {
      let excess = max(-1, min(1, Double(counts[center]) / mean - 1))
      handicaps.row[0, center] += Float(step * excess)
    }
  }

  /// Remembers the assignments that are more even than those before: sizes swing where documents are alike.
  private mutating func keepEvenest() {
    let start = nodes[0].rows.lowerBound
    for (number, node) in nodes.enumerated() {
      let own = counts[node.centers]
      let isBetter = evenest[number].map { best in
        (own.count { $0 == 0 }, own.max()!) < (best.counts.count { $0 == 0 }, best.counts.max()!)
      }
      guard node.isSettled || isBetter ?? true else { continue }
      evenest[number] = EvenAssignment(
        counts: own, assignment: assignment[node.rows.lowerBound - start..<node.rows.upperBound - start],
        centers: elements(of: centers.rows(node.centers.lowerBound, count: node.centers.count)))
    }
  }

  /// Goes back to what was remembered.
  private mutating func takeEvenest() {
    let dimensions = dimensions
    for (node, best) in zip(nodes, evenest) {
      guard let best else { continue }
      counts.replaceSubrange(best.counts.indices, with: best.counts)
      assignment.replaceSubrange(best.assignment.indices, with: best.assignment)
      var span = storage.mutableSpan
      for (place, element) in best.centers.enumerated() { span[node.centers.lowerBound * dimensions + place] = element }
    }
  }

  private mutating func setMean(_ center: Int) {
    var square = 0.0
    let sum = sums[center * dimensions..<(center + 1) * dimensions]
    for element in sum { square += Double(element) * Double(element) }
    guard square > 0 else { return }
    let scale = 1 / square.squareRoot()
    let (first, dimensions) = (center * dimensions, dimensions)
    var span = storage.mutableSpan
    for place in 0..<dimensions { span[first + place] = Float(Double(sum[first + place]) * scale) }
  }

  /// Gives each center without documents half of those of the largest: both are set a little apart from its place.
  private mutating func mend(_ node: Node, _ iteration: Int) {
    var sizes = Array(counts[node.centers])
    let random = Philox(seed: UInt64(bitPattern: Int64(settings.seed)))
    for empty in node.centers where counts[empty] == 0 {
      guard let largest = sizes.indices.max(by: { (sizes[$0], $1) < (sizes[$1], $0) }), sizes[largest] > 1 else {
        return
      }
      sizes[empty - node.centers.lowerBound] = sizes[largest] / 2
      sizes[largest] -= sizes[largest] / 2
      // What told the two apart besides their places would give all documents to one of them.
      handicaps.row[0, empty] = handicaps.row[0, node.centers.lowerBound + largest]
      let (from, to) = (centers.rows(node.centers.lowerBound + largest, count: 1), centers.rows(empty, count: 1))
      for place in 0..<dimensions {
        let low = (empty - node.centers.lowerBound) << 14 | place
        let bits = random.pair(
          low & 0xFFFF_FFFF, node.number | iteration << 46, stream: RandomStream.mending.rawValue
        ).0
        let shift: Float = (bits & 1 == 0 ? 0.01 : -0.01) / Float(dimensions).squareRoot()
        let element = from[0, place]
        (from[0, place], to[0, place]) = (element + shift, element - shift)
      }
    }
  }
}
