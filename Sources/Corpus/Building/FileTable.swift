import Foundation
import Storage

/// The files that a build reads: those of each target and then of each domain, in the order of the recipe.
struct FileTable {
  /// What is known of a file before it is read.
  private struct Entry: BitwiseCopyable {
    /// The target or domain, numbered in this order.
    var owner: Int
    var bytes: Int
    /// Nanoseconds since 1970.
    var modified: Int
    /// Where its path ends among the bytes of all paths.
    var end: Int
  }

  private var entries: [Entry] = []
  private var paths: [UInt8] = []
  /// Stands for the rules by which files are read.
  private let program: Checksum.Digest

  /// The name of the file in which other processes find the table.
  static let name = "files"

  /// Lists the files of all targets and domains.
  ///
  /// - Returns: With what was found of each.
  /// - Throws: `Failure(.missingInput)` for a path that does not exist or has no matching file; `.badData`.
  static func listing(_ recipe: Recipe) throws -> (FileTable, [Tally]) {
    var table = FileTable(program: try Checksum.digest(ofFile: "/proc/self/exe"))
    let tallies = try recipe.sources.enumerated().map { owner, source in
      var files = try source.files()
      try TextReading.handle(files.faults, count: files.faults.count, recipe.onError, &files.tally)
      for path in files.paths { table.append(path, owner: owner) }
      return files.tally
    }
    return (table, tallies)
  }

  private init(program: Checksum.Digest) { self.program = program }

  /// The number of files.
  var count: Int { entries.count }

  /// The path of a file.
  func path(_ file: Int) -> String { String(decoding: pathBytes(file), as: UTF8.self) }

  /// The number of the target or domain that a file belongs to.
  func owner(_ file: Int) -> Int { entries[file].owner }

  /// The size of a file.
  func bytes(_ file: Int) -> Int { entries[file].bytes }

  private func pathBytes(_ file: Int) -> ArraySlice<UInt8> {
    paths[(file == 0 ? 0 : entries[file - 1].end)..<entries[file].end]
  }

  /// Appends a file.
  private mutating func append(_ path: String, owner: Int) {
    var status = stat()
    if stat(path, &status) != 0 { status = stat() }
    paths += path.utf8
    entries.append(
      Entry(
        owner: owner, bytes: Int(status.st_size),
        modified: status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec, end: paths.count))
  }

  // MARK: - Between processes

  private struct Header: BitwiseCopyable {
    let program: Checksum.Digest
    let count: Int
  }

  /// Reads what another process has written.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  init(contentsOf path: String) throws {
    let file = try PositionalFile(path)
    let header = try file.values(1, at: 0, as: Header.self)[0]
    let start = MemoryLayout<Header>.stride
    entries = try file.values(header.count, at: start, as: Entry.self)
    paths = try file.values(
      entries.last?.end ?? 0, at: start + header.count * MemoryLayout<Entry>.stride, as: UInt8.self)
    program = header.program
  }

  /// Writes the table for other processes.
  ///
  /// - Throws: `Failure(.cannotCreate)` or `.inputOutput`.
  func write(to path: String) throws {
    var file = try OutputFile(path)
    try file.write([Header(program: program, count: count)])
    try file.write(entries)
    try file.write(paths)
    _ = try file.finishInMemory()
  }

  // MARK: - Blocks

  /// Divides the files into blocks of consecutive ones that are read at once.
  ///
  /// - Parameter sources: The source of each target and domain.
  func blocks(_ sources: [TextSource], _ onError: Recipe.ErrorHandling) -> [TextBlock] {
    let size = TextBlock.size(of: entries.reduce(0) { $0 + $1.bytes })
    let contents = sources.map { "\($0.content)" }
    var blocks: [TextBlock] = []
    var start = 0
    var bytes = 0
    for file in entries.indices {
      bytes += entries[file].bytes
      guard bytes >= size || file == count - 1 else { continue }
      let files = start..<file + 1
      let name = digest(of: files, in: blocks.count, contents, "\(onError) \(program)")
      blocks.append(TextBlock(number: blocks.count, files: files, bytes: bytes, name: "\(TextBlock.prefix)\(name)"))
      (start, bytes) = (file + 1, 0)
    }
    return blocks
  }

  /// What the documents of a block depend on.
  private func digest(
    of files: Range<Int>, in block: Int, _ contents: [String], _ rules: String
  ) -> Checksum.Digest {
    var sum = Checksum()
    sum.update("\(rules) \(block) \(files.lowerBound)".utf8)
    for file in files {
      sum.update(contents[entries[file].owner].utf8)
      withUnsafeBytes(of: entries[file]) { sum.update($0) }
      sum.update(pathBytes(file))
    }
    return sum.digest
  }
}

/// Consecutive files that one process reads at once.
struct TextBlock: WorkPiece {
  let number: Int
  let files: Range<Int>
  let bytes: Int
  let name: String

  /// What was read of it.
  struct Result: Codable {
    /// For each target and domain of which there are files: its number, its documents, and what was found.
    var owners: [Owner] = []

    struct Owner: Codable {
      var number: Int
      var documents = 0
      var tally = Tally()
    }
  }

  /// What names of blocks begin with.
  static let prefix = "text-"

  /// The most blocks of text or of tokens. Each is two open files when documents are taken in another order, and many
  /// systems allow a process 1,024.
  private static let most = 256

  /// Below this size the work with a block's files would count.
  static let smallest = 1 << 22

  /// The bytes of a block, if there are so many in all.
  static func size(of total: Int) -> Int { max(smallest, total / most) }
}
