import Failures
import Printing

extension TextSource {
  /// A document as it comes, or why there is none.
  enum Item {
    /// Text as well-formed UTF-8, and what was repaired in it.
    case text([UInt8], Repair)
    /// The file is not text.
    case notText
    /// The document, or the rest of the file, cannot be read.
    case fault(TextFault)
  }

  /// Reads the documents of one of the files.
  ///
  /// - Parameter body: Gets each document with its line, from 1 on, or 0 if the file is one document.
  /// - Throws: `Failure(.badData)` if the recipe has to say what the file holds; what the body throws.
  func forEachDocument(in file: String, _ body: (Item, _ line: Int) throws -> Void) throws {
    do {
      try readDocuments(in: file, body)
    } catch let fault as TextFault {
      try body(.fault(fault), 0)
    }
  }

  private func readDocuments(in file: String, _ body: (Item, _ line: Int) throws -> Void) throws {
    var stream = try TextStream(file)
    let name = stream.name
    let head = try stream.head(ContentFormat.headLength)
    let format = ContentFormat(head: head.text, isWhole: head.isWhole)
    if case .foreign(let kind, let advice) = format {
      throw TextFault(kind: .badData, message: "\(name) is \(kind), which is not read here; \(advice).")
    }
    guard let field = try field(of: file, name, format) else {
      return try body(format == .binary ? .notText : plainText(&stream), 0)
    }
    switch format {
    case .binary: throw TextFault(kind: .badData, message: "\(name) is not text, where JSON lines are expected.")
    case .table:
      throw TextFault(
        kind: .badData,
        message: "\(name) looks like CSV, a table of separated values, where JSON lines are expected: turn its rows "
          + "into JSON lines, or say `field: none` to read it as plain text.")
    case .jsonArray: try readArray(&stream, field, body)
    default:
      let isArray = head.text.first { !TextRepair.isBlank($0) } == UInt8(ascii: "[")
      if isArray { try readArray(&stream, field, body) } else { try readLines(&stream, field, body) }
    }
  }

  /// The key of the text if a file holds JSON, nil if it is plain text.
  private func field(of file: String, _ name: String, _ format: ContentFormat) throws -> JSONField? {
    switch content {
    case .plain: return nil
    case .json(let field): return field
    case .unstated:
      let bare = Compression.bareName(file)
      if bare.hasSuffix(".jsonl") || bare.hasSuffix(".ndjson") { return JSONField("text") }
      guard format == .jsonLines || format == .jsonArray else { return nil }
      let kind = format == .jsonLines ? "JSON lines" : "a JSON array of objects"
      throw section.failure(
        "field",
        "\(name) of \(owner) looks like \(kind); say `field: text`, or `field: none` to take the JSON itself for text. "
          + "`field` is the key that the text is under.", kind: .badData)
    }
  }

  private func plainText(_ stream: inout TextStream) throws(TextFault) -> Item {
    var text = try stream.content()
    let fault = TextRepair.repair(&text)
    return .text(text, fault.map { .init(at: $0) } ?? (stream.isRepaired ? .somewhere : .none))
  }

  private func readLines(
    _ stream: inout TextStream, _ field: JSONField, _ body: (Item, _ line: Int) throws -> Void
  ) throws {
    let name = stream.name
    try stream.forEachLine { line, number, offset in
      if line.allSatisfy({ TextRepair.isBlank($0) }) { return }
      let item: Item
      do throws(JSONFault) {
        let (text, isRepaired) = try field.text(in: line)
        item = .text(text, isRepaired ? .init(at: offset) : .none)
      } catch {
        item = .fault(TextFault(kind: .badData, message: "\(name):\(number) (offset \(offset)): \(error.problem)"))
      }
      try body(item, number)
    }
  }

  /// Reads an array of objects, which is held in memory whole.
  ///
  /// After JSON that is not well-formed nothing more can be found.
  private func readArray(
    _ stream: inout TextStream, _ field: JSONField, _ body: (Item, _ line: Int) throws -> Void
  ) throws {
    let name = stream.name
    let content = try stream.content()
    var scanner = JSONScanner(content[...])
    var line = 1
    var counted = 0
    /// The place of the element that comes next.
    func place() -> (line: Int, words: String) {
      line += content[counted..<scanner.position].count { $0 == UInt8(ascii: "\n") }
      counted = scanner.position
      return (line, "\(name):\(line) (offset \(counted))")
    }
    _ = scanner.skip("[")
    guard !scanner.skip("]") else { return }
    repeat {
      scanner.skipBlank()
      let (line, words) = place()
      let scanned = counted
      var element = scanner
      do throws(JSONFault) { try scanner.skipValue() } catch {
        throw TextFault(kind: .badData, message: "\(words): \(error.problem)")
      }
      let item: Item
      do throws(JSONFault) {
        let (text, isRepaired) = try field.text(in: &element, "element")
        item = .text(text, isRepaired ? .init(at: scanned) : .none)
      } catch {
        item = .fault(TextFault(kind: .badData, message: "\(words): \(error.problem)"))
      }
      try body(item, line)
    } while scanner.skip(",")
    let isClosed = scanner.skip("]")
    scanner.skipBlank()
    guard isClosed, scanner.next == nil else {
      throw TextFault(
        kind: .badData,
        message: "\(place().words): This is not well-formed JSON: "
          + (isClosed ? "more follows after the array." : "a comma or ']' has to come here."))
    }
  }
}
