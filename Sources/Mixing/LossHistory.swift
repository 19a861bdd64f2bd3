import Glibc

/// Training losses by domain over a run of any length, in at most 256 points.
///
/// A point is the mean over some steps in a row. When all points are taken, neighbours become one, and points of twice
/// as many steps follow.
struct LossHistory: Codable, Sendable, Equatable {
  static let capacity = 256

  private struct Point: Codable, Equatable {
    /// Steps in it, and the sum over them of the sequences that had been trained on.
    var steps = 0, sequences = 0.0
    var losses: DomainMeans
  }

  private let domains: Int
  private var points: [Point] = []
  /// Steps in a full point.
  private var width = 1

  init(domains: Int) { self.domains = domains }

  /// Checks what was read from a file under a key.
  func check(_ key: String, domains: Int) throws(StateFault) {
    try Mixing.check("\(key).domains", self.domains == domains, "is \(self.domains), not \(domains)")
    try Mixing.check("\(key).points", points.count <= Self.capacity, "has more than \(Self.capacity) points")
    try Mixing.check("\(key).width", width >= 1, "is less than 1")
    var before = 0.0
    for (place, point) in points.enumerated() {
      let key = "\(key).points[\(place)]"
      try Mixing.check("\(key).steps", (1...width).contains(point.steps), "is not from 1 to \(width)")
      let sequences = point.sequences / Double(point.steps)
      try Mixing.check("\(key).sequences", sequences > before, "is not more than that of the point before")
      before = sequences
      try point.losses.check("\(key).losses", domains: domains)
      // Of a mean over some steps no more rows can be part than the run had sequences by then.
      let rows = point.losses.counts.reduce(0.0) { $0 + Double($1) }
      try Mixing.check("\(key).losses.counts", rows <= point.sequences, "has more rows than there were sequences")
    }
  }

  /// Carries the losses over to other domains; new ones have none.
  func carried(over change: DomainChange) -> LossHistory {
    var history = LossHistory(domains: change.now)
    history.width = width
    history.points = points.map { point in
      var losses = DomainMeans(domains: change.now)
      losses.carry(point.losses, over: change)
      return Point(steps: point.steps, sequences: point.sequences, losses: losses)
    }
    return history
  }

  /// The number of points.
  var count: Int { points.count }

  /// Takes in a step's losses.
  ///
  /// - Parameter sequences: Those that the run has been trained on so far.
  mutating func add(_ losses: [Double], of domains: [Int], sequences: Double) {
    if points.isEmpty || points[points.count - 1].steps == width {
      if points.count == Self.capacity { halve() }
      points.append(Point(losses: DomainMeans(domains: self.domains)))
    }
    points[points.count - 1].steps += 1
    points[points.count - 1].sequences += sequences
    points[points.count - 1].losses.add(losses, of: domains)
  }

  private mutating func halve() {
    width *= 2
    points = stride(from: 0, to: points.count, by: 2).map { index in
      var point = points[index]
      let next = points[index + 1]
      point.steps += next.steps
      point.sequences += next.sequences
      point.losses.add(next.losses)
      return point
    }
  }

  /// The mean losses of a domain, at most `most` about evenly spaced in the logarithm of sequences.
  func losses(of domain: Int, most: Int) -> [(n: Double, loss: Double)] {
    let all = points.compactMap { point in
      point.losses[domain].map { (n: point.sequences / Double(point.steps), loss: $0) }
    }
    guard let first = all.first, let last = all.last, last.n > first.n, first.n > 0 else { return all }
    let scale = Double(most) / log(last.n / first.n)
    var result: [(n: Double, loss: Double)] = []
    var (place, members) = (-1, 0.0)
    for point in all {
      let next = min(Int(scale * log(point.n / first.n)), most - 1)
      if next != place {
        result.append(point)
        (place, members) = (next, 1)
      } else {
        members += 1
        result[result.count - 1].n += (point.n - result[result.count - 1].n) / members
        result[result.count - 1].loss += (point.loss - result[result.count - 1].loss) / members
      }
    }
    return result
  }
}

extension DomainMeans {
  /// Takes in the rows of another.
  mutating func add(_ other: DomainMeans) {
    for domain in other.counts.indices {
      guard let mean = other[domain] else { continue }
      let rows = other.counts[domain]
      add([Double](repeating: mean, count: rows), of: [Int](repeating: domain, count: rows))
    }
  }
}
