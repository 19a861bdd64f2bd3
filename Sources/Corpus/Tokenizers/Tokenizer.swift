import Failures
import Foundation
import Storage

/// A reversible map between text and token ids.
public struct Tokenizer: Sendable {
  /// The model's file in the directories of corpora and checkpoints.
  package static let modelFileName = "tokenizer.model"

  /// The kinds of tokenizers; the raw value is the name in recipes and manifests.
  public enum Kind: String, CaseIterable, Sendable {
    /// One token a byte, and one more that ends a document.
    case bytes
    /// Pieces of words by SentencePiece, with single bytes for what the vocabulary lacks.
    case sentencepiece
    /// Ids that were never text, such as those of a random corpus.
    case ids
  }

  /// The kind of this tokenizer.
  public let kind: Kind

  /// The number of token ids; every id is below it.
  public let vocabularySize: Int

  /// The id that closes every document.
  public let endOfDocument: Int32

  /// The tokenizer's hash: equal hashes give equal tokens.
  public let hash: Checksum.Digest

  let model: SentencePieceModel?

  /// The tokenizer of single bytes: ids 0 to 255, and 256 for the end of a document.
  public static let bytes = Tokenizer(
    kind: .bytes, vocabularySize: 257, endOfDocument: 256, hash: Checksum.digest(of: "bytes, end of document 256".utf8),
    model: nil)

  /// The tokenizer of a corpus without text: ids below a vocabulary size, of which the last ends a document.
  ///
  /// It neither encodes nor decodes.
  public static func ids(vocabularySize: Int) -> Tokenizer {
    Tokenizer(
      kind: .ids, vocabularySize: vocabularySize, endOfDocument: Int32(vocabularySize - 1),
      hash: Checksum.digest(of: "ids, vocabulary \(vocabularySize)".utf8), model: nil)
  }

  /// Loads a SentencePiece model from the content of a `.model` file.
  ///
  /// - Throws: `Failure(.badData)` if it is no such model or has no piece that ends a sentence.
  public init(sentencePiece model: [UInt8], named name: String) throws {
    let loaded = try SentencePieceModel(model, named: name)
    self.init(
      kind: .sentencepiece, vocabularySize: loaded.vocabularySize, endOfDocument: loaded.endOfSentence,
      hash: Checksum.digest(of: model), model: loaded)
  }

  private init(
    kind: Kind, vocabularySize: Int, endOfDocument: Int32, hash: Checksum.Digest, model: SentencePieceModel?
  ) {
    self.kind = kind
    self.vocabularySize = vocabularySize
    self.endOfDocument = endOfDocument
    self.hash = hash
    self.model = model
  }

  /// Loads the tokenizer of a corpus.
  ///
  /// - Throws: `Failure`: `.missingInput` without the model's file, `.badData` if it is not the one that the corpus was
  ///   built with.
  init(_ record: Manifest.TokenizerRecord, in directory: String) throws {
    let manifest = "\(directory)/\(Manifest.fileName)"
    switch (Kind(rawValue: record.kind), record.file) {
    case (.bytes, nil): self = .bytes
    case (.ids, nil): self = .ids(vocabularySize: record.vocabularySize)
    case (.sentencepiece, let file?):
      let path = "\(directory)/\(file)"
      let content = try MappedFile(path).content
      // Compared before loading, since the library trusts what it loads.
      let digest = Checksum.digest(of: content)
      guard digest == record.hash else {
        throw Failure(
          .badData,
          "\(path) is not the tokenizer that the corpus was built with (hash \(digest), where \(record.hash) is "
            + "expected). Put the right model back or build the corpus again.")
      }
      try self.init(sentencePiece: content, named: path)
    default:
      throw Failure(.badData, "\(manifest): The tokenizer kind '\(record.kind)' is not known or lacks its file.")
    }
    guard vocabularySize == record.vocabularySize, Int(endOfDocument) == record.endOfDocument, hash == record.hash
    else {
      throw Failure(.badData, "\(manifest): The tokenizer is not the one that the corpus was built with.")
    }
  }

  /// What a manifest remembers of this tokenizer.
  var record: Manifest.TokenizerRecord {
    Manifest.TokenizerRecord(
      kind: kind.rawValue, vocabularySize: vocabularySize, endOfDocument: Int(endOfDocument),
      file: model == nil ? nil : Tokenizer.modelFileName, hash: hash)
  }

  /// The piece of characters that are not known, and the bytes that each piece stands for; nil if all text is spelt.
  var unknownPiece: (id: Int32, lengths: [Int32])? {
    guard let model, let unknown = model.unknown else { return nil }
    return (unknown, model.pieceLengths)
  }

  /// The content of the model's file, if the tokenizer needs one.
  public var modelFile: [UInt8]? { model?.content }

  /// Encodes text, without an end of document.
  ///
  /// - Throws: `Failure`: `.badData` if the ids were never text, `.internalError` if the library fails, which valid
  ///   UTF-8 never makes it do.
  public func encode(_ text: String) throws -> [Int32] {
    var text = text
    let encoder = encoder()
    return try text.withUTF8 { try encoder.encode(UnsafeRawBufferPointer($0)) }
  }

  /// Makes an encoder for many texts, which remembers words; copies of it share what they remember.
  package func encoder() -> Encoder { Encoder(kind: kind, words: model.map(WordEncoder.init)) }

  /// Encodes text after text.
  package struct Encoder {
    fileprivate let kind: Kind
    /// Nil unless there is a model.
    fileprivate let words: WordEncoder?

    /// Encodes valid UTF-8 text, without an end of document.
    package func encode(_ text: UnsafeRawBufferPointer) throws -> [Int32] {
      if kind == .ids { throw Tokenizer.failureWithoutText }
      guard let words else { return text.map { Int32($0) } }
      return Array(try words.encode(text))
    }
  }

  /// Decodes ids; ends of documents stand for no text.
  ///
  /// - Throws: `Failure(.badData)` if an id is not in the vocabulary, or the ids were never text.
  public func decode(_ tokens: [Int32]) throws -> String {
    for (place, token) in tokens.enumerated() where token < 0 || Int(token) >= vocabularySize {
      throw Failure(.badData, "Token \(place) has id \(token), which is beyond the vocabulary of \(vocabularySize).")
    }
    if kind == .ids { throw Tokenizer.failureWithoutText }
    let text = tokens.filter { $0 != endOfDocument }
    guard let model else { return String(decoding: text.map { UInt8($0) }, as: UTF8.self) }
    return try model.decode(text)
  }

  private static var failureWithoutText: Failure {
    Failure(.badData, "The corpus is made of token ids without text: its tokenizer (kind 'ids') has no words for them.")
  }
}
