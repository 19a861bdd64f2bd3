import Foundation

@testable import Configuration
@testable import Corpus

extension Parser {
  /// Text of corpora: JSON, compressed streams, and files of any content.
  static let text = [
    Parser(name: "json", isExpected: { $0 is JSONFault }) { input in
      _ = ContentFormat(head: input, isWhole: true)
      _ = ContentFormat(head: input, isWhole: false)
      _ = try? JSONField("meta.text.a").text(in: input[...])
      let (text, _) = try JSONField("text").text(in: input[...])
      check(text)
    },
    Parser(name: "stream", isExpected: { $0 is TextFault }) { input in
      var stream = try ByteStream(try Scratch.write(input, to: "stream"))
      var bytes: [UInt8] = []
      var total = 0
      // A small file may hold very much text, which takes its time to decode.
      while total < 1 << 24 {
        bytes.removeAll(keepingCapacity: true)
        let count = try stream.read(upTo: 1 << 16, appendingTo: &bytes)
        guard count > 0 else { break }
        guard count == bytes.count, count <= 1 << 16 else { fatalError("\(count) bytes were said to be read") }
        total += count
      }
    },
    Parser(name: "text", isExpected: { $0 is TextFault }) { input in
      let section = Section(path: "", file: "recipe.yaml", origin: .line(1), entries: [])
      let contents: [TextSource.Content] = [.unstated, .plain, .json(JSONField("text")), .json(JSONField("meta.text"))]
      let content = contents[Int(input.first ?? 0) % contents.count]
      let file = try Scratch.write(input.dropFirst(), to: "text")
      let source = TextSource(paths: [file], include: [], content: content, section: section, owner: "domain 'd'")
      try source.forEachDocument(in: file) { item, _ in
        if case .text(let text, _) = item { check(text) }
      }
    },
  ]

  /// Checks that a text is well-formed, and takes the checksum of its normal form.
  private static func check(_ text: [UInt8]) {
    guard String(validating: text, as: UTF8.self) != nil else { fatalError("a text is not UTF-8") }
    _ = TextIdentity.digest(of: text)
  }
}
