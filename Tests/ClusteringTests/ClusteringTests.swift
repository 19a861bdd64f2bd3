import Clustering
import Failures
import Kernels
import MPI
import Testing

/// Vectors of length 1 around some directions, made of a fixed sequence of numbers.
private struct Cloud: ~Copyable {
  let arena: Arena
  let rows: Matrix

  init(_ documents: Int, around directions: Int, spread: Float, dimensions: Int = 24) {
    arena = Arena(count: documents * dimensions)
    rows = arena.matrix(at: 0, rows: documents, columns: dimensions)
    var state: UInt64 = 7
    func next() -> Float {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
    }
    let centers = (0..<directions).map { _ in (0..<dimensions).map { _ in next() } }
    for row in 0..<documents {
      for column in 0..<dimensions { rows[row, column] = centers[row % directions][column] + spread * next() }
      scale(rows.rows(row, count: 1), by: Float(1 / sumOfSquares(rows.rows(row, count: 1)).squareRoot()))
    }
  }
}

private func cluster(_ cloud: borrowing Cloud, _ domains: Int, _ change: (inout ClusterSettings) -> Void = { _ in })
  throws -> Clustering
{
  var settings = ClusterSettings(domains: domains)
  change(&settings)
  return try Clustering(of: cloud.rows, settings, over: .alone())
}

/// The naive twin of the search: down the tree, in Double; and by how much the nearest was nearer than the next.
private func domain(of row: Int, _ cloud: borrowing Cloud, _ clustering: Clustering) -> (Int, margin: Double) {
  var (node, margin) = (0, Double.infinity)
  for level in clustering.levels {
    let products = level.parents.indices.filter { Int(level.parents[$0]) == node }.map { child in
      let product = (0..<clustering.dimensions).reduce(0.0) {
        $0 + Double(cloud.rows[row, $1]) * Double(level.centers[child * clustering.dimensions + $1])
      }
      return (product: product, child: child)
    }.sorted { ($1.product, $0.child) < ($0.product, $1.child) }
    if products.count > 1 { margin = min(margin, products[0].product - products[1].product) }
    node = products[0].child
  }
  return (node, margin)
}

@Suite struct ClusteringTests {
  @Test func `Documents around a few directions are told apart`() throws {
    let cloud = Cloud(600, around: 6, spread: 0.2)
    let clustering = try cluster(cloud, 6)
    #expect(clustering.levels.map(\.documents) == [[100, 100, 100, 100, 100, 100]])
    for row in 6..<600 { #expect(clustering.domains[row] == clustering.domains[row % 6]) }
    #expect(Set(clustering.domains).count == 6)
  }

  @Test(arguments: [(7, 64), (40, 8), (100, 5), (1, 64)])
  func `Every document is in the domain that the naive search down the tree finds`(domains: Int, branching: Int) throws
  {
    let cloud = Cloud(1500, around: 90, spread: 0.6)
    let clustering = try cluster(cloud, domains) { $0.branching = branching }
    let tree = clustering.tree
    #expect(tree.levels.last == domains)
    let centers = clustering.levels.flatMap(\.centers)
    let search = ClusterSearch(tree, centers: centers.span, dimensions: clustering.dimensions)
    #expect(search.domains(of: cloud.rows) == clustering.domains)
    var counts = [Int](repeating: 0, count: domains)
    for row in 0..<1500 {
      let (expected, margin) = domain(of: row, cloud, clustering)
      #expect(Int(clustering.domains[row]) == expected || margin < 1e-6)
      counts[Int(clustering.domains[row])] += 1
    }
    #expect(clustering.levels.last?.documents == counts)
    for parents in tree.parents { #expect(parents == parents.sorted()) }
  }

  @Test func `Once nothing moves, centers are the means of their documents`() throws {
    let cloud = Cloud(900, around: 40, spread: 0.5)
    let clustering = try cluster(cloud, 12) { ($0.tolerance, $0.iterations) = (0, 500) }
    let dimensions = clustering.dimensions
    for node in 0..<12 {
      let rows = (0..<900).filter { Int(clustering.domains[$0]) == node }
      let sum = (0..<dimensions).map { column in rows.reduce(0.0) { $0 + Double(cloud.rows[$1, column]) } }
      let length = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for column in 0..<dimensions {
        #expect(abs(Double(clustering.levels[0].centers[node * dimensions + column]) - sum[column] / length) < 1e-6)
      }
    }
  }

  @Test func `Sizes are balanced on request`() throws {
    let cloud = Cloud(1600, around: 50, spread: 0.8)
    let plain = try cluster(cloud, 16)
    let balanced = try cluster(cloud, 16) { ($0.isBalanced, $0.iterations) = (true, 200) }
    #expect((plain.levels[0].documents.max() ?? 0) > 126)
    #expect((balanced.levels[0].documents.max() ?? 0) <= 126)
  }

  @Test func `More clusters than documents are refused, and equal documents stay together`() throws {
    let few = Cloud(5, around: 5, spread: 0)
    #expect(throws: AgreedFailure.self) { _ = try cluster(few, 6) }
    let equal = Cloud(50, around: 3, spread: 0)
    let clustering = try cluster(equal, 8)
    #expect(clustering.levels.map(\.documents) == [[17, 17, 16]])
  }

  @Test func `A node has at most as many children as documents and as the branching allows`() throws {
    let cloud = Cloud(60, around: 60, spread: 0)
    let clustering = try cluster(cloud, 60) { $0.branching = 8 }
    let (above, domains) = (clustering.levels[0].documents, clustering.levels[1])
    #expect(domains.documents.reduce(0, +) == 60 && domains.documents.allSatisfy { $0 > 0 })
    for (node, documents) in above.enumerated() {
      // Different documents are divided as far as possible.
      #expect(domains.parents.count { Int($0) == node } == min(8, documents))
    }
  }
}
