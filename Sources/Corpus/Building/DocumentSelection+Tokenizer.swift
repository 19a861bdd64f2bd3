import Storage

extension DocumentSelection {
  /// Makes or loads the tokenizer that a recipe wants.
  ///
  /// - Parameter name: Stands for the texts that a new one is trained on.
  /// - Returns: The name of the result that has its model; nil for bytes, which need none.
  /// - Throws: `Failure(.badData)` or `.missingInput` for a model that cannot be loaded or trained; `.preempted`.
  func tokenizer(for recipe: Recipe, name: Checksum.Digest, by watch: BuildWatch) throws -> String? {
    let model: [UInt8]
    let name = "tokenizer-\(name)"
    switch recipe.tokenizer {
    case .bytes: return nil
    case .file(let path): model = try MappedFile(path).content
    case .sentencePiece(let vocabulary, let sampleBytes):
      let directory = watch.directory
      if directory.finished(name, as: Int.self, checked: true) != nil { return name }
      let sample = try sample(for: recipe, bytes: sampleBytes)
      watch.observer.note("Training the tokenizer on \(sample.byteCount) bytes.")
      model = try sample.train(vocabularySize: vocabulary)
      let size = try Tokenizer(sentencePiece: model, named: "The new tokenizer").vocabularySize
      if size < vocabulary {
        watch.observer.note("The text has only enough pieces for a vocabulary of \(size), not \(vocabulary).")
      }
    }
    try Tokenizer.store(model, as: name, in: watch.directory)
    return name
  }

  /// Text of all domains, the same part of each whatever its size.
  ///
  /// No text of a target is looked at, so that what is evaluated is unseen by the tokenizer too.
  private func sample(for recipe: Recipe, bytes: Int) throws -> SentencePieceTraining {
    var excluded: Set<Checksum.Digest> = []
    for target in recipe.targets.indices { try forEach(of: target) { excluded.insert($1.identity) } }
    var training = SentencePieceTraining()
    for domain in recipe.domains.indices {
      let owner = recipe.targets.count + domain
      var rest = max(1, bytes / recipe.domains.count)
      for ranked in try shuffled(owner, where: { !excluded.contains($0.identity) }) where rest > 0 {
        let document = try document(ranked, of: owner)
        try catalogue.withText(of: document) { training.add($0.wholeCharacters(upTo: rest)) }
        rest -= Int(document.count)
      }
    }
    return training
  }
}

extension Tokenizer {
  /// Leaves a model for other processes and later builds.
  fileprivate static func store(_ model: [UInt8], as name: String, in directory: WorkDirectory) throws {
    let fileName = name + ".model"
    var file = try OutputFile(directory.file(fileName))
    try file.write(model)
    try directory.finish(name, model.count, files: [fileName: file.finishInMemory()])
  }

  /// Loads the tokenizer of a build.
  ///
  /// - Parameter name: The name of the result that has its model; nil for bytes.
  /// - Throws: `Failure(.badData)` for a model that cannot be loaded, `.inputOutput`.
  init(_ name: String?, of recipe: Recipe, in directory: WorkDirectory) throws {
    guard let name else {
      self = .bytes
      return
    }
    let file = try PositionalFile(directory.file(name + ".model"))
    let model = try file.values(0..<directory.result(name, as: Int.self), as: UInt8.self)
    let path: String
    if case .file(let given) = recipe.tokenizer { path = given } else { path = "The new tokenizer" }
    try self.init(sentencePiece: model, named: path)
  }
}

extension UnsafeRawBufferPointer {
  /// The longest prefix of at most `limit` bytes of UTF-8 that ends with a character.
  func wholeCharacters(upTo limit: Int) -> UnsafeRawBufferPointer {
    guard limit < count else { return self }
    var length = limit
    while length > 0, self[length] & 0xC0 == 0x80 { length -= 1 }
    return UnsafeRawBufferPointer(rebasing: self[..<length])
  }
}
