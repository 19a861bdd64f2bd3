import Corpus
import Kernels
import MPI
import Parallel
import Runs

/// Sequences to be measured, and what was measured of them.
///
/// Rows are in the order of the windows, which is the same on every rank; each rank fills in its own.
package struct Sample {
  /// The windows, those of a domain side by side.
  package let windows: [Window]
  /// What the windows are read from.
  package let source: WindowSource
  /// The windows of each domain that has some, or of each distribution that windows were drawn from.
  package let ranges: [Range<Int>]
  /// Whether ranges are domains.
  package let areDomains: Bool
  /// The derivative of each row's mean loss along each direction, (directions, rows).
  package var scores: [[Double]] = []
  /// The norm of each range's mean gradient, (ranges); empty if no gradient was formed.
  package var norms: [Double] = []
  /// Whether all rows of a range have one score, that of their mean.
  package var rowsAreMeans = false
  /// Losses of the model, of a reference, and the mean over tokens of what the former exceeds the latter by, (rows).
  package var losses: [Double] = [], referenceLosses: [Double] = [], excessLosses: [Double] = []
  /// Asked between passes whether this rank leaves out the others, since nobody will use what is measured.
  package var isGivenUp: () -> Bool = { false }

  /// Takes windows, of which those of one domain are side by side.
  package init(_ windows: [Window], from source: WindowSource) {
    var ranges: [Range<Int>] = []
    for index in windows.indices {
      if let last = ranges.last, windows[last.lowerBound].domain == windows[index].domain {
        ranges[ranges.count - 1] = last.lowerBound..<index + 1
      } else {
        ranges.append(index..<index + 1)
      }
    }
    self.init(windows, from: source, ranges: ranges)
  }

  /// Takes windows with ranges of which means are formed.
  package init(_ windows: [Window], from source: WindowSource, ranges: [Range<Int>], areDomains: Bool = true) {
    self.windows = windows
    self.source = source
    self.ranges = ranges
    self.areDomains = areDomains
  }

  /// The places of the windows, some at a time.
  func chunks(of count: Int) -> [Range<Int>] {
    stride(from: 0, to: windows.count, by: count).map { $0..<min($0 + count, windows.count) }
  }

  /// What each row is of: its domain, or the number of the distribution that it was drawn from, (rows).
  var owners: [Int] {
    areDomains
      ? windows.map { Int($0.domain) }
      : ranges.enumerated().flatMap { place, range in Array(repeating: place, count: range.count) }
  }
}

/// Something that measures sequences between the forward and backward passes of training.
///
/// Whatever it does leaves no trace: parameters, optimizer and the order of training data stay as they are.
package protocol Meter {
  /// Measures a sample.
  ///
  /// Collective: every rank calls, with the same sample, parameters and directions.
  ///
  /// - Parameters:
  ///   - directions: Rows of the layout to score along.
  ///   - gradients: Memory to work in; what it holds is overwritten.
  /// - Returns: The same memory, cleared.
  /// - Throws: `Failure(.badData)` if the corpus is damaged; `MPIError`.
  mutating func measure(
    _ sample: inout Sample, along directions: Matrix, on replica: inout Replica,
    _ parameters: borrowing Parameters<Whole>, with gradients: consuming Gradients<Local>,
    over world: borrowing Communicator
  ) throws -> Gradients<Local>
}

extension SteeringSettings.Estimator {
  /// The meter that scores as this estimator does, in a plan; sequences of any kind are scored like `ghost` does by
  /// `inline`, too.
  package func meter(_ plan: SteeringPlan) -> any Meter {
    switch self {
    case .gradients: GradientScorer(plan)
    case .dots: DotScorer()
    case .ghost, .inline, .lastLayer: GhostScorer(depth: depth)
    }
  }
}

/// Brings rows together that every rank has filled in its own of; the others are zero.
func sumRows(_ rows: inout [Double], over world: borrowing Communicator) throws {
  var span = rows.mutableSpan
  try world.allReduce(&span, .sum)
}
