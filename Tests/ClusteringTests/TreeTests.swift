import Testing

import Clustering

@Suite struct TreeTests {
  @Test func `Leaves are divided in proportion to documents, within what each node can have`() {
    #expect(LeafDivision.divide(4, among: [3, 1], most: 8) == [3, 1])
    #expect(LeafDivision.divide(10, among: [300, 100, 100], most: 64) == [6, 2, 2])
    // At least one each, at most as many as documents, at most `most`.
    #expect(LeafDivision.divide(6, among: [1000, 1, 1], most: 8) == [4, 1, 1])
    #expect(LeafDivision.divide(6, among: [2, 2, 1], most: 8) == [2, 2, 1])
    #expect(LeafDivision.divide(4096, among: [900, 64, 5], most: 64) == [64, 64, 5])
    #expect(LeafDivision.divide(1, among: [7], most: 64) == [1])
  }

  @Test func `A tree has the levels that its leaves need`() {
    func levels(_ domains: Int, _ branching: Int) -> Int {
      var settings = ClusterSettings(domains: domains)
      settings.branching = branching
      return settings.levels
    }
    #expect([levels(1, 64), levels(64, 64), levels(65, 64), levels(4096, 64), levels(262_144, 64)] == [1, 1, 2, 2, 3])
    #expect([levels(8, 2), levels(9, 2)] == [3, 4])
  }
}
