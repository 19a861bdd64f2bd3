import ArgumentParser
import Failures
import Runs

/// The sentence for a command line that makes no sense.
struct UsageMessage {
  let text: String

  /// Says what the parser found, and where help is; settings that were given as options are shown as they are meant.
  init(_ finding: String, arguments: some Sequence<String>) {
    let arguments = Array(arguments)
    let command = Self.command(arguments)
    let help = "See 'dga \((command + ["--help"]).joined(separator: " "))'."
    let sentence = Self.settingAsOption(finding, arguments, command) ?? Self.tooLarge(finding) ?? finding
    text = "\(sentence)\("?.!".contains(sentence.last ?? ".") ? "" : ".") \(help)"
  }

  /// The words of the arguments that name the command.
  private static func command(_ arguments: [String]) -> [String] {
    var names: [String] = []
    var commands = DGA.configuration.subcommands
    for argument in arguments {
      guard let next = commands.first(where: { $0._commandName == argument }) else { break }
      names.append(argument)
      commands = next.configuration.subcommands
    }
    return names
  }

  /// What is wrong with a whole number that the parser calls invalid because it does not fit.
  private static func tooLarge(_ finding: String) -> String? {
    guard let match = finding.wholeMatch(of: /The value '([0-9]+)' is invalid for '(.*)'/) else { return nil }
    return "The value \(match.1) of '\(match.2)' is too large: the largest whole number is \(Int.max)"
  }

  /// A hint at the setting that an unknown option stands for, such as `run=x` for `--run=x` or `--run x`.
  private static func settingAsOption(_ finding: String, _ arguments: [String], _ command: [String]) -> String? {
    guard finding.hasPrefix("Unknown option"), [["train"], ["align"], ["corpus", "build"]].contains(command) else {
      return nil
    }
    for (place, argument) in arguments.enumerated() where finding.contains("'\(argument.prefix { $0 != "=" })'") {
      let parts = argument.drop { $0 == "-" }.split(separator: "=", maxSplits: 1).map(String.init)
      guard let name = parts.first else { continue }
      let key = command == ["corpus", "build"] ? nil : RunDescription.keyPath(meantBy: name)
      guard key != nil || parts.count == 2 else { continue }
      let following = place + 1 < arguments.count ? arguments[place + 1] : nil
      let value = parts.count == 2 ? parts[1] : following.map { $0.hasPrefix("-") ? "VALUE" : $0 } ?? "VALUE"
      return "Unknown option '--\(name)'. Settings are given without dashes: \(key ?? name)=\(value)"
    }
    return nil
  }
}
