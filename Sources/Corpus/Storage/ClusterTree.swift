import Failures
import Storage

/// A tree whose leaves are the domains of a corpus, such as clusters of clusters.
///
/// The file `tree.table` has the parent of each node as an i32, little-endian, level after level from the second one
/// down; the nodes of the first level have none.
public struct ClusterTree: Sendable, Equatable {
  /// Nodes of each level, from the top down; the last level's are the domains.
  public let levels: [Int]
  /// For each level but the first, the parent of each node on the level above, (levels - 1, nodes); never falling.
  public let parents: [[Int32]]

  static let fileName = "tree.table"

  /// Joins levels.
  ///
  /// - Precondition: every node above the domains is the parent of at least one below, and parents never fall.
  public init(levels: [Int], parents: [[Int32]]) {
    self.levels = levels
    self.parents = parents
  }

  /// Reads a tree.
  ///
  /// - Throws: `Failure(.badData)` that names the file and the first node that is wrong.
  init(levels: [Int], file: MappedFile) throws {
    self.levels = levels
    guard file.count == 4 * levels.dropFirst().reduce(0, +) else {
      throw Failure(.badData, "\(file.path) has \(file.count) bytes, which are not those of a tree of \(levels) nodes.")
    }
    var place = 0
    parents = try zip(levels, levels.dropFirst()).map { above, nodes in
      var before: Int32 = 0
      return try (0..<nodes).map { node in
        let parent = file.load(at: 4 * place, as: Int32.self)
        guard node == 0 ? parent == 0 : parent == before || parent == before + 1,
          node < nodes - 1 || parent == above - 1
        else {
          throw Failure(.badData, "\(file.path), offset \(4 * place): \(parent) is no parent that can come here.")
        }
        (before, place) = (parent, place + 1)
        return parent
      }
    }
  }

  /// Checks the numbers of nodes in a manifest.
  static func check(levels: [Int], domains: Int, _ path: String) throws {
    guard levels.last == domains, levels.allSatisfy({ $0 > 0 }),
      zip(levels, levels.dropFirst()).allSatisfy({ $0 <= $1 })
    else {
      throw Failure(.badData, "\(path): A tree of \(levels) nodes does not end with \(domains) domains.")
    }
  }

  /// The bytes of the file.
  var bytes: [UInt8] { parents.flatMap { $0.map(\.littleEndian) }.withUnsafeBytes { Array($0) } }
}
