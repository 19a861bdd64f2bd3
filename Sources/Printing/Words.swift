import Foundation

/// Numbers with words, as sentences have them.
public enum Words {
  /// A number with the thing that it counts, such as `1 rank` or `4 ranks`.
  public static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

  /// A share as a percentage with two significant digits: `42 %`, `4.2 %`, `0.042 %`.
  public static func percent(_ share: Double) -> String {
    let percent = 100 * share
    let format =
      switch abs(percent) {
      case ..<0.995: "%.2g %%"
      case ..<9.95: "%.1f %%"
      default: "%.0f %%"
      }
    return String(format: format, percent)
  }

  /// The first few of some names, and how many more there are.
  ///
  /// - Parameter all: How many names there are, if only some are given.
  public static func list(_ names: [String], of all: Int? = nil, most: Int = 5) -> String {
    let (shown, all) = (names.prefix(most), all ?? names.count)
    return shown.joined(separator: ", ") + (all > shown.count ? " and \(all - shown.count) more" : "")
  }

  /// A line that takes no more than some columns of a terminal, with an ellipsis where it was cut.
  public static func cut(_ line: String, columns: Int) -> String {
    var taken = 0
    var end = line.startIndex
    var short = end
    while end < line.endIndex {
      taken += width(line[end])
      guard taken <= columns else { return columns < 1 ? "" : line[..<short] + "…" }
      end = line.index(after: end)
      // Room for the ellipsis.
      if taken < columns { short = end }
    }
    return line
  }

  /// Columns of a character: two for those of East Asia and for pictures.
  private static func width(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first, scalar.value >= 0x1100 else { return 1 }
    let wide: [ClosedRange<UInt32>] = [
      0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
      0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD,
    ]
    return wide.contains { $0.contains(scalar.value) } ? 2 : 1
  }

  /// A time as on a clock: `0:07`, `12:34`, `1:23:45`; 0:00 for one that is not known.
  public static func time(_ seconds: Double) -> String {
    let total = seconds.isFinite ? Int(seconds.rounded()) : 0
    return total >= 3600
      ? String(format: "%d:%02d:%02d", total / 3600, total / 60 % 60, total % 60)
      : String(format: "%d:%02d", total / 60, total % 60)
  }

  /// Bytes in the unit that suits them, such as `24.1 MB`.
  public static func bytes(_ count: Double) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]
    let power = count < 1000 ? 0 : min(Int(log10(count) / 3), units.count - 1)
    return String(format: power == 0 ? "%.0f %@" : "%.1f %@", count / pow(1000, Double(power)), units[power])
  }
}
