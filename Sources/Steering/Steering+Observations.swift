import Mixing
import Parallel

/// What measurements tell a method.
extension Steering {
  /// What a sample tells a method.
  func observations(of sample: Sample, _ source: Observations.Source, step: Int) -> Observations {
    // The mean of a range is one observation, however many sequences it is of.
    let rows = sample.rowsAreMeans ? sample.ranges.map(\.lowerBound) : Array(sample.windows.indices)
    let owners = sample.owners
    var observations = Observations(source, step: step, domains: rows.map { owners[$0] })
    if sample.rowsAreMeans { observations.rowSizes = sample.ranges.map(\.count) }
    if !sample.norms.isEmpty {
      let count = sample.areDomains ? plan.domains.count : sample.ranges.count
      observations.gradientNorms = Array(repeating: nil, count: count)
      for (range, norm) in zip(sample.ranges, sample.norms) {
        observations.gradientNorms[owners[range.lowerBound]] = norm
      }
    }
    (observations.losses, observations.referenceLosses) = (sample.losses, sample.referenceLosses)
    observations.excessLosses = sample.excessLosses
    guard !sample.scores.isEmpty else { return observations }
    let norms = observations.gradientNorms
    scoredRows { index, _ in
      rows.map { row in
        let norm = norms.isEmpty ? 0 : norms[owners[row]]!
        return sample.scores[index][row] / direction.divisor(of: index, norm: norm)
      }
    }.add(to: &observations)
    return observations
  }

  /// Scores of rows along the directions, and what is known of these.
  package struct ScoredRows {
    var scores: [Observations.Scores] = []
    var norms: [Double] = []
    var gram: [[Double]] = []

    /// Adds them to what is observed of the rows.
    package func add(to observations: inout Observations) {
      (observations.scores, observations.directionNorms, observations.gram) = (scores, norms, gram)
    }
  }

  /// The scores of a training step's sequences.
  ///
  /// - Parameter record: With the scores of all ranks.
  package func scoredRows(of record: PassRecord) -> ScoredRows {
    scoredRows { index, figure in record.scores(along: index).map { $0 / figure.unit } }
  }

  private func scoredRows(_ values: (Int, TargetDirection.Figure) -> [Double]) -> ScoredRows {
    var rows = ScoredRows()
    for (index, figure) in direction.figures.enumerated() {
      var scores = Observations.Scores(
        values: values(index, figure), unit: direction.unit(of: index), loss: figure.loss)
      scores.recurrence = direction.recurrence(of: index)
      rows.scores.append(scores)
      rows.norms.append(figure.norm)
    }
    if direction.figures.count > 1 { rows.gram = direction.gram }
    return rows
  }
}
