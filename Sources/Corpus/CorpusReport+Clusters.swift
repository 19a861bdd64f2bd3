import Printing

extension CorpusReport {
  /// Clusters that a table shows at most.
  private static let mostClusters = 100
  /// Sources that the table names of a cluster at most.
  private static let mostSources = 3

  /// The clusters, the largest first, with what a person may want to know of each.
  static func lines(of clusters: [ClusterRecord], _ domains: [DomainRow], hasEpochs: Bool) -> [String] {
    let header = ["cluster", "documents", "tokens", "share"] + (hasEpochs ? ["epochs"] : []) + ["sources", "words"]
    var table = TextTable(header, [.left] + header.dropFirst().dropLast(2).map { _ in .right } + [.left, .left])
    let order = clusters.indices.sorted { (domains[$1].tokens, $0) < (domains[$0].tokens, $1) }
    for place in order.prefix(mostClusters) {
      let (cluster, row) = (clusters[place], domains[place])
      let sources = cluster.ranking.prefix(mostSources).map { "\($0.name) \(Words.percent($0.share))" }
      table.append(
        [cluster.name, grouped(row.documents), grouped(row.tokens), decimal(100 * row.share) + " %"]
          + (hasEpochs ? [row.epochs.map(decimal) ?? "too short"] : [])
          + [sources.joined(separator: ", ").printable, cluster.words.joined(separator: " ").printable])
    }
    let documents = clusters.reduce(0) { $0 + $1.documents }
    var lines = table.lines
    if clusters.count > mostClusters {
      lines.append("and \(grouped(clusters.count - mostClusters)) smaller ones, which --json lists")
    }
    return lines + [
      "",
      "\(grouped(clusters.count)) clusters of \(grouped(documents)) documents. Purity "
        + "\(Words.percent(purity(of: clusters))): the share of documents from the largest source of their cluster.",
    ]
  }

  /// The share of documents that are from the source that most of their cluster are from.
  public static func purity(of clusters: [ClusterRecord]) -> Double {
    let documents = clusters.reduce(0) { $0 + $1.documents }
    return Double(clusters.reduce(0) { $0 + ($1.sources.values.max() ?? 0) }) / Double(max(documents, 1))
  }
}
