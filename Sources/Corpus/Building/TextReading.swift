import Failures
import Printing
import Storage

/// The first part of a build: files are read, unpacked and repaired, a block at a time.
///
/// From here on text is taken in any order, so documents can be shuffled, split and sampled without holding them in
/// memory.
struct TextReading {
  let files: FileTable
  let sources: [TextSource]
  let onError: Recipe.ErrorHandling
  let watch: BuildWatch

  /// So many faults of a file are named; the others are counted.
  private static let namedFaults = 5

  /// A block while it is written.
  private struct Output: ~Copyable {
    var text, documents: OutputFile
    var keys: [TextKey] = []
    var result = TextBlock.Result()
  }

  /// Reads the files of a block.
  ///
  /// - Throws: `Failure`: of the first fault if faults end the build, `.inputOutput` if the block cannot be written.
  func read(_ block: TextBlock) throws {
    let directory = watch.directory
    var output = Output(
      text: try OutputFile(directory.file(block.textFile)),
      documents: try OutputFile(directory.file(block.documentFile)))
    var done = 0
    for file in block.files {
      let owner = files.owner(file)
      if output.result.owners.last?.number != owner { output.result.owners.append(.init(number: owner)) }
      try read(file, of: block, done: done, to: &output)
      done += files.bytes(file)
    }
    output.keys.sort()
    var keys = try OutputFile(directory.file(block.keyFile))
    try keys.write(output.keys)
    try directory.finish(
      block.name, output.result,
      files: [
        block.textFile: output.text.finishInMemory(), block.documentFile: output.documents.finishInMemory(),
        block.keyFile: keys.finishInMemory(),
      ])
    watch.partial = 0
  }

  private func read(_ file: Int, of block: TextBlock, done: Int, to output: inout Output) throws {
    let path = files.path(file)
    let last = output.result.owners.count - 1
    let start = output.text.count
    var faults: [TextFault] = []
    var faultCount = 0
    try sources[files.owner(file)].forEachDocument(in: path) { item, line in
      // Of a compressed file more may be read than it has bytes.
      watch.partial = done + min(output.text.count - start, files.bytes(file))
      try watch.check()
      switch item {
      case .notText: output.result.owners[last].tally.note(.notText, first: path.printable)
      case .fault(let fault):
        faultCount += 1
        if faults.count < Self.namedFaults { faults.append(fault) }
      case .text(let text, let repair):
        guard !text.withUnsafeBytes(TextRepair.isBlank) else {
          return output.result.owners[last].tally.note(.empty, first: Self.name(of: path, line: line))
        }
        guard let count = Int32(exactly: text.count) else {
          let name = Self.name(of: path, line: line)
          let problem = "\(name) is larger than 2 GiB after invalid UTF-8 was replaced by U+FFFD; split it."
          faults.append(TextFault(kind: .badData, message: problem))
          return faultCount += 1
        }
        let document = Document(
          digest: Checksum.digest(of: text), identity: TextIdentity.digest(of: text), offset: output.text.count,
          count: count, block: Int32(block.number), file: Int32(file), line: Int32(clamping: line),
          repair: repair)
        output.keys.append(TextKey(identity: document.identity, document: output.keys.count))
        output.result.owners[last].documents += 1
        try output.documents.write([document])
        try output.text.write(text)
      }
    }
    try Self.handle(faults, count: faultCount, onError, &output.result.owners[last].tally)
  }

  /// The name of a document for messages.
  static func name(of file: String, line: Int) -> String { file.printable + (line > 0 ? ":\(line)" : "") }

  /// Counts faults, or ends the build with them.
  ///
  /// - Throws: `Failure` of the first fault's kind.
  static func handle(
    _ faults: [TextFault], count: Int, _ onError: Recipe.ErrorHandling, _ tally: inout Tally
  ) throws {
    guard let first = faults.first else { return }
    guard onError == .stop else { return tally.note(.faulty, count: count, first: first.message) }
    let hint = "`on_error: skip` in the recipe leaves such text out and counts it."
    guard count > 1 else { throw Failure(first.kind, "\(first.message) \(hint)") }
    let rest = count - faults.count
    let lines = faults.map { "\n  \($0.message)" }.joined() + (rest > 0 ? "\n  and \(rest) more." : "")
    throw Failure(first.kind, "\(count) faults, of which the first \(faults.count) are:\(lines)\n\(hint)")
  }
}
