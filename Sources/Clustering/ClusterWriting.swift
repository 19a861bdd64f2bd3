import Corpus
import Failures
import Foundation
import Kernels
import Printing
import Signals
import Storage

/// Documents whose clusters are known, and how they are written in the order of these.
struct ClusteredDocuments {
  let corpus: Corpus
  let list: DocumentList
  let clustering: Clustering
  /// Sets the order of documents within a cluster.
  let seed: Int
  var words: TellingWords
  /// The domain of each document of three parts.
  let train, validation, steering: [Int32]

  private var count: Int { clustering.levels.last?.documents.count ?? 0 }

  /// Writes all documents in the order of their clusters, and what is known of these.
  ///
  /// - Throws: `Failure`: `.inputOutput`, `.preempted`.
  mutating func write(to writer: CorpusRegrouping) throws {
    let names = ClusterNames(clustering.tree)
    let owners = SourceDomains(of: corpus)
    let trained = ShuffledGroups(train, groups: count, seed: seed)
    let heldOut = ShuffledGroups(validation, groups: count, seed: seed)
    var clusters = try OutputFile("\(writer.path)/\(Manifest.ClusteringRecord.clustersFile)")
    var tokens: [Int32] = []
    for domain in 0..<count {
      try StopSignal.check(DocumentVectors.consequenceOfStopping)
      var sources: [Int: Int] = [:]
      let documents = trained[domain]
      for document in documents {
        try list.read(list.places(of: .train).lowerBound + Int(document), into: &tokens)
        try writer.append(train: tokens)
        words.add(tokens)
        sources[owners[Int(document)], default: 0] += 1
      }
      for document in heldOut[domain] {
        try list.read(list.places(of: .validation).lowerBound + Int(document), into: &tokens)
        try writer.append(validation: tokens)
      }
      writer.endDomain(named: names[domain])
      let line = ClusterRecord(
        name: names[domain], documents: documents.count, words: words.take(),
        sources: Dictionary(uniqueKeysWithValues: sources.map { (corpus.domains.name($0.key), $0.value) }))
      try clusters.write(Array(JSON.line.text(line).utf8) + [0x0A])
    }
    writer.add([Manifest.ClusteringRecord.clustersFile: try clusters.finish()])
    try writer.write(centersOf: clustering)
    try writer.write(histograms, shape: [corpus.targets.count, count], to: Manifest.ClusteringRecord.histogramsFile)
  }

  /// How many steering documents of each target belong to each domain, (targets, domains).
  private var histograms: [Int64] {
    corpus.targets.flatMap { target in
      var histogram = [Int64](repeating: 0, count: count)
      for domain in steering[target.steering.documents] { histogram[Int(domain)] += 1 }
      return histogram
    }
  }
}

extension CorpusRegrouping {
  /// Writes what pieces weigh.
  func write(_ weights: PieceWeights) throws {
    try write(weights.values, shape: [weights.values.count], to: Manifest.ClusteringRecord.weightsFile)
  }

  /// Writes the centers of all nodes, level after level.
  fileprivate func write(centersOf clustering: Clustering) throws {
    let nodes = clustering.levels.reduce(0) { $0 + $1.documents.count }
    var file = try NumPyWriter<Float>(
      path: "\(path)/\(Manifest.ClusteringRecord.centersFile)", shape: [nodes, clustering.dimensions])
    for level in clustering.levels { try file.write(level.centers.span) }
    add([Manifest.ClusteringRecord.centersFile: try file.finish()])
  }

  fileprivate func write<Element: NumPyStorable>(_ values: [Element], shape: [Int], to name: String) throws {
    var file = try NumPyWriter<Element>(path: "\(path)/\(name)", shape: shape)
    try file.write(values.span)
    add([name: try file.finish()])
  }
}

/// The names of clusters: the places along their paths, such as `c05.17`.
struct ClusterNames {
  private let tree: ClusterTree
  private let children: [[Range<Int>]]
  private let width: Int

  init(_ tree: ClusterTree) {
    self.tree = tree
    let parents = [[Int32](repeating: 0, count: tree.levels[0])] + tree.parents
    children = parents.enumerated().map { level, parents in
      ClusterLevel.children(parents, of: level == 0 ? 1 : tree.levels[level - 1])
    }
    width = "\((children.joined().map(\.count).max() ?? 1) - 1)".count
  }

  subscript(domain: Int) -> String {
    var path: [String] = []
    var node = domain
    for level in children.indices.reversed() {
      let parent = level == 0 ? 0 : Int(tree.parents[level - 1][node])
      let place = "\(node - children[level][parent].lowerBound)"
      path.append(String(repeating: "0", count: width - place.count) + place)
      node = parent
    }
    return "c" + path.reversed().joined(separator: ".")
  }
}

/// The domain that each document to train on comes from.
struct SourceDomains {
  private let ends: [Int]

  init(of corpus: Corpus) { ends = corpus.domains.indices.map { corpus.domains.train($0).documents.upperBound } }

  subscript(document: Int) -> Int {
    var (low, high) = (0, ends.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if ends[middle] > document { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

/// Documents by domain, those of a domain in a seeded order: any part of it is a fair sample.
private struct ShuffledGroups {
  private let groups: RowGroups
  private let random: Philox

  init(_ domains: [Int32], groups count: Int, seed: Int) {
    groups = RowGroups(domains, groups: count)
    random = Philox(seed: UInt64(bitPattern: Int64(seed)))
  }

  subscript(domain: Int) -> [Int32] {
    groups.rows[groups.ranges[domain]]
      .map { (key: random.pair(Int($0), 0, stream: RandomStream.order.rawValue).0, document: $0) }
      .sorted { ($0.key, $0.document) < ($1.key, $1.document) }
      .map(\.document)
  }
}
