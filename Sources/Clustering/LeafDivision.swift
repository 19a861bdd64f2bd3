/// The division of the leaves of a tree among the nodes of a level.
package enum LeafDivision {
  /// Divides a number of leaves in proportion to documents: to each node at least one, at most as many as it has
  /// documents, and at most `most`.
  ///
  /// Leaves go one by one to the node that has the most documents for each (the method of D'Hondt).
  package static func divide(_ leaves: Int, among documents: [Int], most: Int) -> [Int] {
    var result = [Int](repeating: 1, count: documents.count)
    // Not more than can be given at all.
    let room = documents.reduce(0) { $0 + min($1, most) }
    var queue = PriorityQueue()
    for (node, count) in documents.enumerated() where min(count, most) > 1 {
      queue.insert(node, Double(count) / 2)
    }
    for _ in 0..<max(0, min(leaves, room) - documents.count) {
      guard let node = queue.removeFirst() else { break }
      result[node] += 1
      if result[node] < min(documents[node], most) {
        queue.insert(node, Double(documents[node]) / Double(result[node] + 1))
      }
    }
    return result
  }
}

/// Nodes by priority, the highest first; of equal ones the first number.
private struct PriorityQueue {
  private var heap: [(node: Int, priority: Double)] = []

  private func isBefore(_ a: Int, _ b: Int) -> Bool {
    (heap[b].priority, heap[a].node) < (heap[a].priority, heap[b].node)
  }

  mutating func insert(_ node: Int, _ priority: Double) {
    heap.append((node, priority))
    var place = heap.count - 1
    while place > 0, isBefore(place, (place - 1) / 2) {
      heap.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  mutating func removeFirst() -> Int? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return first.node }
    heap[0] = last
    var place = 0
    while 2 * place + 1 < heap.count {
      var child = 2 * place + 1
      if child + 1 < heap.count, isBefore(child + 1, child) { child += 1 }
      guard isBefore(child, place) else { break }
      heap.swapAt(place, child)
      place = child
    }
    return first.node
  }
}
