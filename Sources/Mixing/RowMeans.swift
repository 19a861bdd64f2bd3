/// What rows that stand for several sequences each are worth.
public struct RowMeans: Sendable, Equatable {
  /// A row's error by one of the sequences that rows are made of, as a share of its standard error.
  public struct Loading: Sendable, Equatable {
    /// The row's domain, and the share; the squares of a row's shares add up to 1.
    public var domain: Int, share: Double

    /// Names a share.
    public init(domain: Int, share: Double) { (self.domain, self.share) = (domain, share) }
  }

  /// The number of independent sequences of equal weight that each row is worth, and their variance, (rows).
  public var counts, variances: [Double]
  /// For each sequence the rows that it is part of; empty if no two rows have one in common.
  public var loadings: [[Loading]]

  /// Describes rows.
  public init(counts: [Double], variances: [Double], loadings: [[Loading]] = []) {
    (self.counts, self.variances, self.loadings) = (counts, variances, loadings)
  }

  /// The same of some of the rows; shares in the errors of other rows stay, and are not asked for.
  func of(_ rows: [Int]) -> RowMeans {
    RowMeans(counts: rows.map { counts[$0] }, variances: rows.map { variances[$0] }, loadings: loadings)
  }

  /// The variance of a sum of rows by factors.
  ///
  /// - Parameter deviations: Each domain's factor times its standard error, (domains).
  func variance(of deviations: [Double]) -> Double {
    loadings.reduce(0) { total, loadings in
      let error = loadings.reduce(0) { $0 + deviations[$1.domain] * $1.share }
      return total + error * error
    }
  }
}
