import Configuration
import Failures
import Foundation

/// Where the documents of a domain or target come from: files and directories, one document a file or a JSON line.
struct TextSource {
  /// Files and directories, made absolute or relative to the working directory.
  let paths: [String]

  /// Patterns for file names (`*.pod`) or, with a slash, for paths below the directory; empty means every file.
  let include: [String]

  /// The key of the text in JSON lines; if nil, only `.jsonl` and `.ndjson` files hold JSON, and the key is `text`.
  let field: String?

  /// The part of the recipe that names it, for messages.
  let section: Section

  /// `domain 'perl'`, for messages.
  let owner: String

  /// A document as it comes.
  enum Item {
    /// Text as well-formed UTF-8; the place and offset of a repair, if there was one.
    case text([UInt8], repaired: String?)
    /// A file that is not text.
    case binary(String)
  }

  /// Finds the files, those of a directory in the order of their paths.
  ///
  /// Files named outright are always taken; in directories hidden files are left out, and links to directories are not
  /// followed.
  ///
  /// - Throws: `Failure(.missingInput)` for a path that does not exist or has no matching file.
  func files() throws -> [String] {
    var files: [String] = []
    for path in paths {
      var isDirectory: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
        throw section.failure("paths", "\(path) of \(owner) does not exist.", kind: .missingInput)
      }
      guard isDirectory.boolValue else {
        guard TextSource.isRegular(path) else {
          throw section.failure("paths", "\(path) of \(owner) is not a regular file.", kind: .badData)
        }
        files.append(path)
        continue
      }
      let found = try TextSource.walk(path, "").filter(isIncluded)
      guard !found.isEmpty else {
        let matching = include.isEmpty ? "" : " that matches \(include.map { "'\($0)'" }.joined(separator: " or "))"
        throw section.failure(
          "paths", "The directory \(path) of \(owner) has no file\(matching).", kind: .missingInput)
      }
      files += found.map { path + "/" + $0 }
    }
    return files
  }

  private func isIncluded(_ path: String) -> Bool {
    guard !include.isEmpty else { return true }
    // a.txt.gz is a.txt to whoever writes a pattern.
    let candidates = path.hasSuffix(".gz") ? [path, String(path.dropLast(3))] : [path]
    return include.contains { pattern in
      candidates.contains { candidate in
        let name = pattern.contains("/") ? candidate : String(candidate.split(separator: "/").last ?? "")
        return fnmatch(pattern, name, 0) == 0
      }
    }
  }

  private static func walk(_ root: String, _ below: String) throws -> [String] {
    let directory = below.isEmpty ? root : root + "/" + below
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: directory)
    } catch {
      throw Failure(.missingInput, "The directory \(directory) cannot be read: \(error.localizedDescription)")
    }
    var files: [String] = []
    for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) where !name.hasPrefix(".") {
      let path = below.isEmpty ? name : below + "/" + name
      if isRealDirectory(root + "/" + path) {
        files += try walk(root, path)
      } else if isRegular(root + "/" + path) {
        files.append(path)
      }
    }
    return files
  }

  private static func isRegular(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  private static func isRealDirectory(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  // MARK: - Documents

  /// Reads the documents of one of the files.
  ///
  /// - Throws: `Failure` that names the file, and the line for JSON; what the body throws.
  func forEachDocument(in file: String, _ body: (Item) throws -> Void) throws {
    let plain = file.hasSuffix(".gz") ? String(file.dropLast(3)) : file
    let isJSON = field != nil || plain.hasSuffix(".jsonl") || plain.hasSuffix(".ndjson")
    if isJSON {
      try forEachJSONDocument(in: file, body)
    } else {
      var bytes = try TextStream.content(of: file)
      if bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
        throw Failure(.badData, "\(file) is compressed with zstd, which is not read here; unpack it or use gzip.")
      }
      if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
      guard !TextRepair.isBinary(bytes) else { return try body(.binary(file)) }
      let fault = TextRepair.repair(&bytes)
      try body(.text(bytes, repaired: fault.map { "\(file), offset \($0)" }))
    }
  }

  private func forEachJSONDocument(in file: String, _ body: (Item) throws -> Void) throws {
    let key = field ?? "text"
    try TextStream.forEachLine(of: file) { line, number, offset in
      if line.allSatisfy({ $0 == 0x20 || (0x09...0x0D).contains($0) }) { return }
      var line = Array(line)
      let fault = TextRepair.repair(&line)
      let text: String
      do throws(JSONText.Fault) {
        text = try JSONText.value(of: key, in: line)
      } catch {
        throw Failure(.badData, "\(file):\(number) (offset \(offset)): \(error.problem)")
      }
      try body(.text(Array(text.utf8), repaired: fault.map { "\(file):\(number), offset \(offset + $0)" }))
    }
  }
}
