import Printing
import Runs

/// The command `dga help configuration`, which prints every key with its default and meaning.
///
/// ArgumentParser's `help` knows the names of commands only, so this is looked for before arguments are parsed.
enum HelpConfiguration {
  /// Whether the arguments, without the program's name, ask for it.
  static func isAskedFor(by arguments: some Sequence<String>) -> Bool {
    arguments.elementsEqual(["help", "configuration"])
  }

  /// Prints the page `docs/configuration.md`.
  static func run() throws { try Console.print(RunDescription.manual(), terminator: "") }
}
