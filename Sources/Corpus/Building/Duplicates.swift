import Storage

/// Which documents have a text that another has, wherever that was read.
///
/// A text counts for the first target, and for the first domain, that has it; with `duplicates: keep` each domain and
/// each target keeps it, but within a target it never stands twice.
struct Duplicates {
  /// What is known of a document.
  struct Marks: OptionSet {
    let rawValue: UInt8
    /// It is left out.
    static let dropped = Marks(rawValue: 1)
    /// Another document of its domain has its text, and neither was left out.
    static let repeated = Marks(rawValue: 2)
    /// Another domain has its text, too.
    static let shared = Marks(rawValue: 4)
  }

  private var marks: [Marks]
  /// For each target and domain: how many of its documents were left out because another has the text, by its number.
  private(set) var dropped: [[Int: Int]]
  private var firstDropped: [Int?]

  private let rule: Recipe.Duplicates
  private let ends: [Int]
  private let targetCount: Int

  /// Compares all texts.
  ///
  /// - Throws: `Failure(.inputOutput)`; `.preempted`.
  init(in catalogue: Catalogue, targetCount: Int, _ rule: Recipe.Duplicates, by watch: BuildWatch) throws {
    marks = [Marks](repeating: [], count: catalogue.count)
    ends = catalogue.owners.map(\.documents.upperBound)
    dropped = [[Int: Int]](repeating: [:], count: ends.count)
    firstDropped = [Int?](repeating: nil, count: ends.count)
    self.rule = rule
    self.targetCount = targetCount
    try catalogue.forEachRangeOfTexts { keys in
      try watch.check()
      var start = keys.startIndex
      while start < keys.endIndex {
        let end = keys[start...].firstIndex { $0.identity != keys[start].identity } ?? keys.endIndex
        if end - start > 1 { compare(keys[start..<end].map(\.document)) }
        start = end
      }
    }
  }

  /// What is known of a document.
  subscript(document: Int) -> Marks { marks[document] }

  /// Notes what was left out of a target or domain.
  func add(to tally: inout Tally, of owner: Int, _ catalogue: Catalogue) throws {
    guard let first = firstDropped[owner] else { return }
    let name = catalogue.name(of: try catalogue.document(first))
    tally.note(.duplicate, count: dropped[owner].values.reduce(0, +), first: name)
  }

  /// Takes in documents with the same text, in the order of their numbers.
  private mutating func compare(_ documents: [Int]) {
    // Whether a domain may keep a target's text depends on what the target takes of it, so that comes later.
    let firstOfDomain = documents.firstIndex { owner(of: $0) >= targetCount } ?? documents.endIndex
    for part in [documents[..<firstOfDomain], documents[firstOfDomain...]] where part.count > 1 { compareEqual(part) }
  }

  private mutating func compareEqual(_ documents: ArraySlice<Int>) {
    var owners: [Int: Int] = [:]
    let first = owner(of: documents.first!)
    for document in documents {
      let owner = owner(of: document)
      let isTarget = owner < targetCount
      let earlier = rule == .drop ? first : owner
      if document != documents.first, rule == .drop || (isTarget && owners[owner] != nil) {
        marks[document] = .dropped
        dropped[owner][earlier, default: 0] += 1
        firstDropped[owner] = min(firstDropped[owner] ?? document, document)
      }
      owners[owner, default: 0] += 1
    }
    guard rule == .keep else { return }
    for document in documents where !marks[document].contains(.dropped) {
      if owners[owner(of: document)]! > 1 { marks[document].insert(.repeated) }
      if owners.count > 1 { marks[document].insert(.shared) }
    }
  }

  private func owner(of document: Int) -> Int {
    // The first owner that ends behind the document.
    var (low, high) = (0, ends.count)
    while low < high {
      let middle = (low + high) / 2
      if ends[middle] > document { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
