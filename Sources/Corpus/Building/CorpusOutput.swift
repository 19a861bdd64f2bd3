import Storage

extension OutputDirectory.Replacement {
  /// What gives way to a new corpus: nothing but another one, and that only on request.
  static func corpus(_ isRequested: Bool) -> Self {
    let condition = "add --replace to make it anew, or choose another output; runs on it need the same corpus"
    return Self(.corpus, newest: Manifest.version, condition: isRequested ? nil : condition)
  }
}

extension Manifest {
  /// Writes what a corpus needs besides its tokens: the table of domains, the tokenizer and, last, the manifest.
  ///
  /// - Throws: `Failure`: `.cannotCreate`, `.inputOutput`.
  mutating func finish(_ table: DomainTable.Writer, _ tokenizer: Tokenizer, in directory: String) throws {
    func write(_ bytes: [UInt8], to name: String) throws -> FileRecord {
      var file = try OutputFile("\(directory)/\(name)")
      try file.write(bytes)
      return try file.finish()
    }
    files.merge(try table.write(to: directory)) { $1 }
    if let model = tokenizer.modelFile {
      files[Tokenizer.modelFileName] = try write(model, to: Tokenizer.modelFileName)
    }
    _ = try write(Array(encoded()), to: Manifest.fileName)
  }
}
