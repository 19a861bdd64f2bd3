/// What the file of a SentencePiece model says and the library does not tell: the kinds and scores of its pieces, and
/// how it changes text before it encodes.
///
/// The file is a protocol buffer; only the fields that are needed are read.
struct PieceTable {
  /// A piece; its id is its place.
  struct Piece {
    /// UTF-8 with U+2581 for spaces.
    var text: [UInt8] = []
    var score: Float = 0
    var kind = Kind.normal
  }

  /// The file's numbers for kinds of pieces.
  enum Kind: UInt64 { case normal = 1, unknown, control, userDefined, unused, byte }

  private(set) var pieces: [Piece] = []
  /// The file's number for the algorithm.
  private(set) var algorithm = Algorithm.unigram
  /// What the library does to text before it encodes, other than writing U+2581 for a space.
  private(set) var changes = Changes()

  /// The file's numbers for algorithms.
  enum Algorithm: UInt64 { case unigram = 1, bytePair, word, character }

  /// Changes that are made to text, with the defaults of the format.
  struct Changes {
    var normalizes = false, addsSpaceInFront = true, removesSpaces = true, escapesSpaces = true
  }

  /// Reads the content of a `.model` file; nil if it is damaged or of a kind that is not known here.
  init?(_ content: [UInt8]) {
    let isWhole = ProtocolBuffer.read(content[...]) { field, value in
      switch (field, value) {
      case (1, .bytes(let message)):
        guard let piece = Piece(message) else { return false }
        pieces.append(piece)
      case (2, .bytes(let message)):
        return ProtocolBuffer.read(message) { field, value in
          guard case (3, .number(let number)) = (field, value) else { return true }
          guard let algorithm = Algorithm(rawValue: number) else { return false }
          self.algorithm = algorithm
          return true
        }
      case (3, .bytes(let message)):
        return changes.read(message)
      default: break
      }
      return true
    }
    if !isWhole { return nil }
  }
}

extension PieceTable.Piece {
  fileprivate init?(_ message: ArraySlice<UInt8>) {
    let isWhole = ProtocolBuffer.read(message) { field, value in
      switch (field, value) {
      case (1, .bytes(let bytes)): text = Array(bytes)
      case (2, .number(let bits)): score = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
      case (3, .number(let number)):
        guard let kind = PieceTable.Kind(rawValue: number) else { return false }
        self.kind = kind
      default: break
      }
      return true
    }
    if !isWhole { return nil }
  }
}

extension PieceTable.Changes {
  fileprivate mutating func read(_ message: ArraySlice<UInt8>) -> Bool {
    ProtocolBuffer.read(message) { field, value in
      switch (field, value) {
      case (2, .bytes(let map)): normalizes = !map.isEmpty
      case (3, .number(let flag)): addsSpaceInFront = flag != 0
      case (4, .number(let flag)): removesSpaces = flag != 0
      case (5, .number(let flag)): escapesSpaces = flag != 0
      default: break
      }
      return true
    }
  }
}

/// A message of Google's protocol buffers, read field by field.
private enum ProtocolBuffer {
  /// A field's value: a number, or the bits of one, or bytes that may be another message.
  enum Value {
    case number(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  /// Calls `body` with the number and value of each field, until it returns false.
  ///
  /// - Returns: Whether the message was read to its end.
  static func read(_ message: ArraySlice<UInt8>, _ body: (UInt64, Value) -> Bool) -> Bool {
    var rest = message
    while !rest.isEmpty {
      guard let tag = readVarint(&rest) else { return false }
      let value: Value
      switch tag & 7 {
      case 0:
        guard let number = readVarint(&rest) else { return false }
        value = .number(number)
      case 1, 5:
        let count = tag & 7 == 1 ? 8 : 4
        guard rest.count >= count else { return false }
        value = .number(rest.prefix(count).reversed().reduce(0) { $0 << 8 | UInt64($1) })
        rest = rest.dropFirst(count)
      case 2:
        guard let count = readVarint(&rest), count <= UInt64(rest.count) else { return false }
        value = .bytes(rest.prefix(Int(count)))
        rest = rest.dropFirst(Int(count))
      default: return false
      }
      guard body(tag >> 3, value) else { return false }
    }
    return true
  }

  /// Takes off a number of seven bits per byte, the lowest first.
  private static func readVarint(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
    var number: UInt64 = 0
    for (place, byte) in rest.prefix(10).enumerated() {
      number |= UInt64(byte & 0x7F) << UInt64(7 * place)
      if byte < 0x80 {
        rest = rest.dropFirst(place + 1)
        return number
      }
    }
    return nil
  }
}
