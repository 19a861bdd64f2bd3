import Foundation
import Printing

/// The files below a directory, in the order of their paths, and what was passed over.
///
/// Hidden files and directories are left out. Links to files are read as files; links to directories are not followed,
/// since they can lead in circles.
struct FileListing {
  /// Paths below the directory.
  private(set) var files: [String] = []
  private(set) var faults: [TextFault] = []

  private let root: String

  /// Walks through a directory.
  ///
  /// - Parameter tally: Counts what is passed over.
  init(of root: String, tally: inout Tally) {
    self.root = root
    walk("", &tally)
  }

  private mutating func walk(_ below: String, _ tally: inout Tally) {
    let directory = below.isEmpty ? root : root + "/" + below
    guard let stream = opendir(directory) else {
      let reason = String(cString: strerror(errno))
      faults.append(
        TextFault(kind: .missingInput, message: "The directory \(directory.printable) cannot be read: \(reason)."))
      return
    }
    var names: [String] = []
    while let entry = readdir(stream) {
      let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      guard bytes != [UInt8(ascii: ".")], bytes != Array("..".utf8) else { continue }
      if let name = String(validating: bytes, as: UTF8.self) {
        names.append(name)
      } else {
        tally.note(.nameNotUTF8, first: (directory + "/" + FileListing.escaped(bytes)).printable)
      }
    }
    closedir(stream)
    for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      visit(below.isEmpty ? name : below + "/" + name, isHidden: name.hasPrefix("."), &tally)
    }
  }

  private mutating func visit(_ path: String, isHidden: Bool, _ tally: inout Tally) {
    let whole = root + "/" + path
    guard !isHidden else { return tally.note(.hidden, first: whole.printable) }
    switch FileListing.kind(of: whole) {
    case .file: files.append(path)
    case .directory: walk(path, &tally)
    case .linkToDirectory: tally.note(.directoryLink, first: whole.printable)
    case .nothing: tally.note(.danglingLink, first: whole.printable)
    case .special: tally.note(.special, first: whole.printable)
    }
  }

  /// What a path leads to.
  enum Kind {
    case file, directory, linkToDirectory, nothing, special
  }

  /// Finds out what a path leads to.
  static func kind(of path: String) -> Kind {
    var status = stat()
    guard lstat(path, &status) == 0 else { return .nothing }
    let isLink = status.st_mode & S_IFMT == S_IFLNK
    if isLink, stat(path, &status) != 0 { return .nothing }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return isLink ? .linkToDirectory : .directory
    default: return .special
    }
  }

  /// A name with `\xff` for bytes that are no characters.
  private static func escaped(_ bytes: [UInt8]) -> String {
    var name = ""
    for byte in bytes {
      name += (0x20..<0x7F).contains(byte) ? String(Unicode.Scalar(byte)) : "\\x" + String(byte, radix: 16)
    }
    return name
  }
}
