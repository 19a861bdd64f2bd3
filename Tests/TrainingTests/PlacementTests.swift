import Testing

import Training

struct PlacementTests {
  /// As `mpirun` binds by default: each rank to one core.
  private static let bound: [[UInt8]] = [[1], [0, 1]]

  @Test func `One thread on each of two cores is as it should be`() {
    let placement = Placement(nodeNames: ["a", "a"], masks: Self.bound, processors: [2, 2], threads: 1)
    #expect(placement.nodes == 1)
    #expect(placement.warnings.isEmpty)
  }

  @Test func `Threads that are bound to one core are told the flag`() throws {
    let placement = Placement(nodeNames: ["a", "a"], masks: Self.bound, processors: [2, 2], threads: 2)
    let warning = try #require(placement.warnings.first)
    #expect(placement.warnings.count == 1)
    #expect(warning.contains("Rank 0 has 2 threads but may use 1 core only"))
    #expect(warning.contains("--map-by slot:PE=2"))
  }

  @Test func `More threads than the node has cores are told how many there can be`() throws {
    let placement = Placement(nodeNames: ["a"], masks: [[1, 1]], processors: [2], threads: 4)
    let warning = try #require(placement.warnings.first)
    #expect(warning.contains("Rank 0 has 4 threads but may use 2 cores only") && !warning.contains("--bind-to"))
    #expect(warning.contains("at most 2 here"))
  }

  @Test func `Ranks that share too few cores are named with their node`() throws {
    let placement = Placement(
      nodeNames: ["a", "b", "b", "b"], masks: [[1], [1, 1], [1, 1], [1, 1]], processors: [1, 2, 2, 2],
      threads: 1)
    #expect(placement.nodes == 2)
    let warning = try #require(placement.warnings.first)
    #expect(placement.warnings.count == 1)
    #expect(warning.contains("3 ranks of 1 thread share 2 cores of b"))
  }

  @Test func `Lists of processors are read as Linux writes them`() {
    #expect(Placement.mask(ofList: "\t0-1,4") == [1, 1, 0, 0, 1])
    #expect(Placement.mask(ofList: "2") == [0, 0, 1])
    #expect(Placement.mask(ofList: "") == [])
  }
}
