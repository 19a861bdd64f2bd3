import Kernels
import Testing
import Transformer

/// The derivatives of sequences' losses along a direction, against inner products of the reference's gradients in
/// Double.
struct DirectionalTests {
  typealias Model = ModelAgainstReferenceTests

  /// Gradients agree with the reference's to 1.1e-6 of their norm, and inner products of them are no worse in relation
  /// to the product of the norms. What is promised is 1e-4; a layer left out costs at least 1e-3, and mostly 1e-1.
  static let tolerance = 1e-5

  /// A direction like those of use, a gradient on other text, and one that is nowhere small.
  enum Direction: CaseIterable {
    case gradient, anything

    func parameters(_ c: Model.Case, _ reference: Reference.Model) -> Reference.Parameters {
      switch self {
      case .gradient:
        reference.gradients(
          Reference.Batch(windows: [
            (0...c.length).map { Int(HashedSetting.hash(stream: 9000, $0) % UInt64(c.shape.vocabulary)) }
          ]))
      case .anything:
        Reference.Parameters(c.shape) { tensor, element in
          HashedSetting.parameter(tensor: 500 + tensor, name: "direction", element: element, spread: 0.375)
        }
      }
    }
  }

  @Test(
    "The score of every sequence is its gradient's inner product with the direction", arguments: Model.cases,
    Direction.allCases)
  func agrees(_ c: Model.Case, _ kind: Direction) {
    let reference = Model.reference(c.shape)
    let windows = Array(Model.windows(c).prefix(c.microBatches[0]))
    var model = Model.model(c)
    let parameters = Model.arena(reference.parameters, model.layout)
    let direction = kind.parameters(c, reference)
    let row = Model.arena(direction, model.layout)
    model.forward(windows.flatMap { $0.map(Int32.init) }.span, parameters: parameters)
    _ = model.backward(
      parameters: parameters.row, gradients: nil, LossScale(1 / Float(c.length)), along: row.row
    ) { _ in }
    for (sequence, window) in windows.enumerated() {
      let gradient = reference.gradients(Reference.Batch(windows: [window]))
      let (expected, bound) = (inner(gradient, direction), norm(gradient) * norm(direction))
      #expect(abs(model.score(ofSequence: sequence) - expected) < Self.tolerance * bound, "sequence \(sequence)")
    }
  }

  @Test(
    "A direction changes no gradient and no loss, and without gradients scores are the same, to the bit",
    arguments: [1, 6])
  func leavesNoTrace(index: Int) {
    let c = Model.cases[index]
    let reference = Model.reference(c.shape)
    let tokens = Model.windows(c).prefix(c.microBatches[0]).flatMap { $0.map(Int32.init) }
    for recomputing in [false, true] {
      var model = Model.model(c, recomputing: recomputing)
      let layout = model.layout
      let parameters = Model.arena(reference.parameters, layout)
      let direction = Model.arena(Direction.anything.parameters(c, reference), layout)
      let plain = Arena(count: layout.arenaCount)
      let along = Arena(count: layout.arenaCount)
      func scores() -> [Double] { (0..<c.microBatches[0]).map { model.score(ofSequence: $0) } }

      model.forward(tokens.span, parameters: parameters)
      let loss = model.backward(parameters: parameters.row, gradients: plain.row, adding: false, LossScale(0.25)) { _ in
      }
      model.forward(tokens.span, parameters: parameters)
      let lossAlong = model.backward(
        parameters: parameters.row, gradients: along.row, adding: false, LossScale(0.25), along: direction.row
      ) { _ in }
      let inline = scores()
      model.forward(tokens.span, parameters: parameters)
      let lossAlone = model.backward(
        parameters: parameters.row, gradients: nil, LossScale(0.25), along: direction.row
      ) { _ in }
      #expect(loss == lossAlong && loss == lossAlone)
      #expect(scores() == inline)
      for i in 0..<layout.arenaCount { #expect(plain.row[0, i] == along.row[0, i]) }
    }
  }

  private func inner(_ a: Reference.Parameters, _ b: Reference.Parameters) -> Double {
    a.names.reduce(0) { $0 + zip(a[$1].values, b[$1].values).reduce(0) { $0 + $1.0 * $1.1 } }
  }

  private func norm(_ a: Reference.Parameters) -> Double { inner(a, a).squareRoot() }
}
