/// Kinds of things that a user should know about the text of a domain or target.
///
/// The order is that of reports; the raw value is the name in manifests.
enum FindingKind: String, CaseIterable, Codable {
  case hidden, nameNotUTF8, danglingLink, directoryLink, special, unmatched
  case faulty, notText, empty, duplicate, ofTarget
  case repaired, nearCopy, heldOutElsewhere
  case unknownPieces, lossy, normalised

  /// The kind in the plural, before a colon and a count.
  var label: String {
    switch self {
    case .hidden: "hidden files or directories, left out"
    case .nameNotUTF8: "names that are not UTF-8, left out"
    case .danglingLink: "links to nothing, left out"
    case .directoryLink: "links to directories, not followed"
    case .special: "pipes, sockets or devices, left out"
    case .unmatched: "files that no pattern of 'include' matches, left out"
    case .faulty: "faulty files or documents, left out"
    case .notText: "files that are not text, left out"
    case .empty: "empty documents, left out"
    case .duplicate: "duplicates, left out"
    case .ofTarget: "documents of a target, kept out of the domain"
    case .repaired: "documents in which invalid text was replaced by U+FFFD"
    case .nearCopy: "near copies of a target's documents, which stay in the domain"
    case .heldOutElsewhere: "documents that one domain holds out and another trains on"
    case .unknownPieces: "pieces that the tokenizer does not know"
    case .lossy: "sampled documents that the tokenizer does not give back"
    case .normalised: "sampled documents that the tokenizer gives back with other spaces, cases or forms of characters"
    }
  }

  /// Whether a user should do something about it.
  var isWarning: Bool {
    switch self {
    case .faulty, .nearCopy, .heldOutElsewhere, .unknownPieces, .lossy: true
    default: false
    }
  }
}

extension Manifest {
  /// Something about the text of a domain or target, counted when the corpus was built.
  public struct Finding: Codable, Equatable, Sendable {
    /// The name of the kind; newer programs may know more kinds.
    public var kind: String
    /// `domain 'perl'`.
    public var owner: String
    /// How often it was found.
    public var count: Int
    /// The first case: a file, with a line if it holds several documents.
    public var first: String
    /// The part of the owner's text, in bytes, that it is about, if it is about a part.
    public var share: Double?

    /// The finding in words, without its owner.
    var words: String {
      let kind = FindingKind(rawValue: kind)
      let part = share.map { ", which stand for \(Finding.percent($0)) of the text" } ?? ""
      return (kind?.isWarning == true ? "Warning: " : "")
        + "\(kind?.label ?? self.kind): \(count)\(part), first \(first)"
    }

    private static func percent(_ share: Double) -> String {
      let tenths = Int((share * 1000).rounded())
      return "\(tenths / 10).\(tenths % 10) %"
    }
  }
}

/// What was found in the text of one domain or target, each kind with its count and first case.
struct Tally: Codable {
  private var counts: [FindingKind: Count] = [:]

  private struct Count: Codable {
    var count: Int
    let first: String
    let share: Double?
  }

  /// Counts something; the name of the case is only asked for the first time.
  mutating func note(
    _ kind: FindingKind, count: Int = 1, share: Double? = nil, first name: @autoclosure () -> String
  ) {
    guard count > 0 else { return }
    if counts[kind] == nil { counts[kind] = Count(count: 0, first: name(), share: share) }
    counts[kind]!.count += count
  }

  /// Takes in what was found in text that comes later.
  mutating func add(_ later: Tally) {
    for (kind, found) in later.counts {
      note(kind, count: found.count, share: found.share, first: found.first)
    }
  }

  /// How often something was found.
  func count(_ kind: FindingKind) -> Int { counts[kind]?.count ?? 0 }

  /// All findings in the order of their kinds.
  func findings(of owner: String) -> [Manifest.Finding] {
    FindingKind.allCases.compactMap { kind in
      counts[kind].map {
        Manifest.Finding(kind: kind.rawValue, owner: owner, count: $0.count, first: $0.first, share: $0.share)
      }
    }
  }
}
