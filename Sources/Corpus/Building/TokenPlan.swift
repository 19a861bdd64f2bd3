import Storage

/// A text that becomes a sequence of the corpus: a record in a file.
struct PlannedText: BitwiseCopyable {
  /// The bytes of its block that it is.
  var offset: Int
  var count: Int32
  let block: Int32
  /// The bytes from its offset on that are compared with the texts of targets: those of the whole document, also if
  /// that was cut; 0 for nothing to compare.
  var compared: Int32 = 0
  /// The bytes from its offset on for which it is checked whether the tokenizer gives them back.
  var checked: Int32 = 0
  /// Its target or domain, and its place in the order of that.
  let owner: Int32, place: Int32
  /// The file and the line of its document.
  let file: Int32, line: Int32

  init(_ document: Document, owner: Int, place: Int) {
    (offset, count, block) = (document.offset, document.count, document.block)
    (self.owner, self.place) = (Int32(owner), Int32(clamping: place))
    (file, line) = (document.file, document.line)
  }
}

/// What the corpus consists of, in its order: what rank 0 decides and all others read.
struct TokenPlan: Codable {
  /// Stands for everything that tokens depend on.
  var key: Checksum.Digest
  var blocks: [TokenBlock]
  /// The name of the result that has the tokenizer's model; nil for bytes.
  var tokenizer: String?

  /// The name of the plan's record.
  static let name = "plan"

  /// The name of the file that has a `PlannedText` for each sequence of a part.
  static func textFile(_ part: Manifest.Part) -> String { "plan-\(part)" }

  /// The block with the key, by which its result is found.
  func pieces() -> [TokenPiece] { blocks.map { TokenPiece(block: $0, key: key) } }
}

/// Consecutive sequences of a part that one process encodes at once.
struct TokenBlock: Codable {
  var number: Int
  var part: Manifest.Part
  /// Which texts of the part's plan.
  var texts: Range<Int>
  var bytes: Int
}

/// A block of tokens to be made.
struct TokenPiece: WorkPiece {
  let block: TokenBlock
  let key: Checksum.Digest

  /// What names of blocks begin with.
  static let prefix = "tokens-"

  var name: String { "\(Self.prefix)\(key)-\(block.number)" }
  var bytes: Int { block.bytes }

  /// The tokens as they are in the corpus.
  var tokenFile: String { name + ".bin" }

  /// The number of tokens of each sequence, 32 bits.
  var lengthFile: String { name + ".lengths" }

  /// What was found in it.
  struct Result: Codable {
    var tokens = 0
    var owners: [Owner] = []

    struct Owner: Codable {
      var number: Int
      var tally = PlacedTally()
      var unknown = UnknownPieces.Count()
    }
  }
}

/// What was found among some documents of a target or domain, where others may come before and between them.
struct PlacedTally: Codable {
  private var counts: [FindingKind: Count] = [:]

  private struct Count: Codable {
    var count: Int
    var place: Int32
    var first: String
  }

  /// Counts something in a document with a place in the order.
  mutating func note(
    _ kind: FindingKind, count: Int = 1, at place: Int32, first name: @autoclosure () throws -> String
  ) rethrows {
    guard var found = counts[kind] else {
      counts[kind] = Count(count: count, place: place, first: try name())
      return
    }
    found.count += count
    if place < found.place { (found.place, found.first) = (place, try name()) }
    counts[kind] = found
  }

  /// Takes in what was found elsewhere.
  mutating func add(_ other: PlacedTally) {
    for (kind, found) in other.counts { note(kind, count: found.count, at: found.place, first: found.first) }
  }

  /// Notes everything, when all documents have been seen.
  ///
  /// - Parameter share: The share of the text that unknown pieces stand for.
  func add(to tally: inout Tally, share: Double) {
    for (kind, found) in counts {
      tally.note(kind, count: found.count, share: kind == .unknownPieces ? share : nil, first: found.first)
    }
  }
}

/// Writes the plan of a part.
final class PlanWriter {
  private let part: Manifest.Part
  private let blockSize: Int
  private var file: OutputFile
  private var count = 0
  private var start = 0
  private var bytes = 0
  private var blocks: [TokenBlock] = []

  /// Creates the file.
  ///
  /// - Throws: `Failure(.cannotCreate)`.
  init(_ part: Manifest.Part, blockSize: Int, in directory: WorkDirectory) throws {
    self.part = part
    self.blockSize = blockSize
    file = try OutputFile(directory.file(TokenPlan.textFile(part)))
  }

  /// Appends a text.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  func append(_ text: PlannedText) throws {
    try file.write([text])
    count += 1
    bytes += Int(text.count)
    if bytes >= blockSize { endBlock() }
  }

  private func endBlock() {
    guard count > start else { return }
    blocks.append(TokenBlock(number: 0, part: part, texts: start..<count, bytes: bytes))
    (start, bytes) = (count, 0)
  }

  /// Completes the file.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  func finish() throws -> (blocks: [TokenBlock], checksum: Checksum.Digest) {
    endBlock()
    return (blocks, try file.finishInMemory().checksum)
  }
}
