import Configuration
import Failures
import Foundation
import Printing

/// Where the documents of a domain or target come from: files and directories, one document a file or a JSON object.
struct TextSource {
  /// What files hold, as the recipe says.
  enum Content {
    /// Whatever their content is, but JSON lines or arrays of objects are refused; `.jsonl` and `.ndjson` files hold
    /// JSON with the key `text`.
    case unstated
    /// Text, even if it looks like JSON.
    case plain
    /// JSON objects.
    case json(JSONField)
  }

  /// Files and directories, made absolute or relative to the working directory.
  let paths: [String]

  /// Patterns for file names (`*.pod`) or, with a slash, for paths below the directory; empty means every file.
  let include: [String]

  /// What the files hold.
  let content: Content

  /// The part of the recipe that names it, for messages.
  let section: Section

  /// `domain 'perl'`, for messages.
  let owner: String

  /// The files of a source, and what was passed over.
  struct Files {
    var paths: [String] = []
    var tally = Tally()
    /// Directories that cannot be read.
    var faults: [TextFault] = []
  }

  /// Finds the files, those of a directory in the order of their paths.
  ///
  /// Files named outright are always taken.
  ///
  /// - Throws: `Failure(.missingInput)` for a path that does not exist or has no matching file.
  func files() throws -> Files {
    var files = Files()
    for path in paths {
      let name = path.printable
      switch FileListing.kind(of: path) {
      case .nothing: throw section.failure("paths", "\(name) of \(owner) does not exist.", kind: .missingInput)
      case .special: throw section.failure("paths", "\(name) of \(owner) is not a regular file.", kind: .badData)
      case .file: files.paths.append(path)
      case .directory, .linkToDirectory:
        let listing = FileListing(of: path, tally: &files.tally)
        files.faults += listing.faults
        let found = listing.files.filter(isIncluded)
        guard !found.isEmpty || !listing.faults.isEmpty else {
          let matching = include.isEmpty ? "" : " that matches \(include.map { "'\($0)'" }.joined(separator: " or "))"
          throw section.failure(
            "paths", "The directory \(name) of \(owner) has no file\(matching).", kind: .missingInput)
        }
        if found.count < listing.files.count, let first = listing.files.first(where: { !isIncluded($0) }) {
          files.tally.note(
            .unmatched, count: listing.files.count - found.count, first: (path + "/" + first).printable)
        }
        files.paths += found.map { path + "/" + $0 }
      }
    }
    return files
  }

  private func isIncluded(_ path: String) -> Bool {
    guard !include.isEmpty else { return true }
    // a.txt.gz is a.txt to whoever writes a pattern.
    let bare = Compression.bareName(path)
    let candidates = bare == path ? [path] : [path, bare]
    return include.contains { pattern in
      candidates.contains { candidate in
        let name = pattern.contains("/") ? candidate : String(candidate.split(separator: "/").last ?? "")
        return fnmatch(pattern, name, 0) == 0
      }
    }
  }
}
