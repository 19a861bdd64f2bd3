import Failures
import Foundation

/// A picture as gnuplot draws it.
struct Figure {
  /// The file's name without its suffix.
  let name: String
  /// Width and height in points of the SVG file; the PNG file has twice as many pixels each way.
  let size: (width: Int, height: Int)
  /// The gnuplot commands, without terminal and output.
  let script: String

  /// Text as gnuplot quotes it: inside single quotes only the quote itself is special.
  static func quoted(_ text: String) -> String {
    "'" + text.replacingOccurrences(of: "'", with: "''").replacingOccurrences(of: "\n", with: " ") + "'"
  }

  /// Moves positions apart that are closer than `separation`, as little as keeps their order and stays in 0...1.
  ///
  /// - Precondition: Positions ascend.
  static func spread(_ positions: [Double], separation: Double) -> [Double] {
    var result = positions
    for index in result.indices.dropFirst() { result[index] = max(result[index], result[index - 1] + separation) }
    var ceiling = 1.0
    for index in result.indices.reversed() {
      result[index] = min(result[index], ceiling)
      ceiling = result[index] - separation
    }
    return result
  }
}

/// The program gnuplot, in a process of its own.
struct Gnuplot {
  private let executable: String

  /// Looks for gnuplot on the PATH.
  ///
  /// - Throws: `Failure(.missingInput)` that says what to install.
  init() throws {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let candidates = path.split(separator: ":").map { "\($0)/gnuplot" }
    guard let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
      throw Failure(
        .missingInput,
        "Pictures are drawn by gnuplot, which is not on the PATH: run launch/install, or install gnuplot-nox.")
    }
    executable = found
  }

  /// The names of a figure's files.
  func files(of figure: Figure) -> [String] { ["svg", "png"].map { "\(figure.name).\($0)" } }

  /// Draws a figure as SVG and PNG, or one of them, into an existing directory, which holds all or none afterwards.
  ///
  /// - Returns: The paths of the files.
  /// - Throws: `Failure` with gnuplot's own words.
  func draw(_ figure: Figure, as suffixes: Set<String> = ["svg", "png"], in directory: String) throws -> [String] {
    let temporary = "\(directory)/.\(figure.name)-\(ProcessInfo.processInfo.processIdentifier)"
    let (width, height) = figure.size
    let all = [
      "svg": "svg size \(width),\(height) font 'DejaVu Sans,12' noenhanced background rgb 'white'",
      "png": "pngcairo size \(2 * width),\(2 * height) font 'DejaVu Sans,22' linewidth 2 noenhanced",
    ]
    let terminals = all.filter { suffixes.contains($0.key) }
    defer {
      for suffix in ["gnuplot", "svg", "png"] { try? FileManager.default.removeItem(atPath: "\(temporary).\(suffix)") }
    }
    for (suffix, terminal) in terminals {
      let output = "\(temporary).\(suffix)"
      let script = "set terminal \(terminal)\nset output \(Figure.quoted(output))\n\(figure.script)\nunset output\n"
      do {
        try Data(script.utf8).write(to: URL(fileURLWithPath: "\(temporary).gnuplot"))
      } catch {
        throw Failure(.cannotCreate, "Pictures cannot be written to \(directory): \(error.localizedDescription)")
      }
      let messages = try run("\(temporary).gnuplot")
      guard let size = try? FileManager.default.attributesOfItem(atPath: output)[.size] as? Int, size > 0 else {
        throw Failure(.inputOutput, "gnuplot wrote no \(figure.name).\(suffix) to \(directory): \(messages)")
      }
    }
    return try terminals.keys.sorted().map { suffix in
      let path = "\(directory)/\(figure.name).\(suffix)"
      guard rename("\(temporary).\(suffix)", path) == 0 else {
        throw Failure(.cannotCreate, "\(path) cannot be written: \(String(cString: strerror(errno))).")
      }
      return path
    }
  }

  /// Runs a script and returns what gnuplot says on its standard error.
  private func run(_ script: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = [script]
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    do { try process.run() } catch {
      throw Failure(.internalError, "\(executable) does not start: \(error.localizedDescription)")
    }
    let messages = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: messages, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    guard process.terminationStatus == 0 else {
      throw Failure(.internalError, "gnuplot failed (exit code \(process.terminationStatus)): \(text)")
    }
    return text
  }
}
