import Mixing
import Settings
import Testing

@Suite struct RegistryTests {
  @Test func `Methods have names of their own, and every key a meaning`() throws {
    #expect(Set(mixingMethods.map { $0.name }).count == mixingMethods.count)
    for method in mixingMethods {
      for (key, meaning) in try meanings(of: method) {
        #expect(!meaning.isEmpty && !meaning.hasSuffix("."), "\(method.name): \(key)")
      }
    }
  }

  private func meanings<Method: MixingMethod>(of method: Method.Type) throws -> [String: String] {
    let keys = GivenKeys()
    var settings = Method.Settings(for: Estimation())
    try settings.visit(keys)
    return keys.meanings
  }
}
