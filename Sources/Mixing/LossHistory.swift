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
