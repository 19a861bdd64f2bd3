import Kernels
import Testing
import Transformer

/// Backward passes that end at the output layer, against outer products of explicit logits in Double.
///
/// Tolerances are those of whole passes: fewer stages are rounded here.
struct OutputLayerTests {
  typealias Model = ModelAgainstReferenceTests

  @Test(
    "The gradient is the table's in the output layer, and zero elsewhere, whatever was there", arguments: Model.cases)
  func gradient(_ c: Model.Case) {
    let reference = Model.reference(c.shape)
    let windows = Array(Model.windows(c).prefix(c.microBatches[0]))
    let batch = Reference.Batch(windows: windows)
    var model = Model.model(c)
    let layout = model.layout
    let parameters = Model.arena(reference.parameters, layout)
    let gradients = Arena(count: layout.arenaCount)
    for tensor in layout.tensors { for i in tensor.range { gradients.row[0, i] = .nan } }
    model.forward(windows.flatMap { $0.map(Int32.init) }.span, parameters: parameters)
    var completed: [Range<Int>] = []
    let loss = model.backward(
      parameters: parameters.row, gradients: gradients.row, adding: false, LossScale(1 / Float(batch.targets.count)),
      depth: .outputLayer
    ) { completed.append($0) }
    #expect(completed == layout.parts.reversed())
    #expect(relativeError([loss], [reference.tokenLosses(batch).reduce(0, +)]) < Model.tolerance)
    for tensor in layout.tensors {
      let found = Model.values(of: tensor, in: gradients)
      if tensor.name == "wte.weight" {
        #expect(relativeError(found, reference.outputLayerGradient(batch).values) < Model.tolerance)
      } else {
        #expect(found.allSatisfy { $0 == 0 }, "\(tensor.name)")
      }
    }
  }

  @Test("The score of every sequence is that gradient's inner product with the direction", arguments: Model.cases)
  func score(_ c: Model.Case) {
    let reference = Model.reference(c.shape)
    let windows = Array(Model.windows(c).prefix(c.microBatches[0]))
    var model = Model.model(c)
    let parameters = Model.arena(reference.parameters, model.layout)
    // Nowhere small: what the other layers would add is seen.
    let direction = DirectionalTests.Direction.anything.parameters(c, reference)
    let row = Model.arena(direction, model.layout)
    model.forward(windows.flatMap { $0.map(Int32.init) }.span, parameters: parameters)
    _ = model.backward(
      parameters: parameters.row, gradients: nil, LossScale(1 / Float(c.length)), along: row.row, depth: .outputLayer
    ) { _ in }
    let table = direction["wte.weight"].values
    for (sequence, window) in windows.enumerated() {
      let gradient = reference.outputLayerGradient(Reference.Batch(windows: [window])).values
      let expected = inner(gradient, table)
      let bound = (inner(gradient, gradient) * inner(table, table)).squareRoot()
      #expect(
        abs(model.score(ofSequence: sequence) - expected) < DirectionalTests.tolerance * bound, "sequence \(sequence)")
    }
  }

  @Test("Gradients of several micro-batches add up, and a whole pass after one is as if there had been none")
  func accumulates() {
    let c = Model.cases[1]
    let tokens = Model.windows(c).flatMap { $0.map(Int32.init) }
    var model = Model.model(c)
    let layout = model.layout
    let parameters = Model.arena(Model.reference(c.shape).parameters, layout)
    let once = Arena(count: layout.arenaCount)
    let twice = Arena(count: layout.arenaCount)
    let before = Arena(count: layout.arenaCount)
    let after = Arena(count: layout.arenaCount)
    func pass(_ gradients: borrowing Arena, adding: Bool, _ depth: BackwardDepth) {
      model.forward(tokens.span, parameters: parameters)
      _ = model.backward(
        parameters: parameters.row, gradients: gradients.row, adding: adding, LossScale(0.25), depth: depth
      ) { _ in }
    }
    pass(before, adding: false, .embeddings)
    pass(once, adding: false, .outputLayer)
    pass(twice, adding: false, .outputLayer)
    pass(twice, adding: true, .outputLayer)
    pass(after, adding: false, .embeddings)
    let table = layout.tensors[0]
    let doubled = Model.values(of: table, in: once).map { 2 * $0 }
    #expect(relativeError(Model.values(of: table, in: twice), doubled) < 1e-5)
    for i in 0..<layout.arenaCount { #expect(before.row[0, i] == after.row[0, i]) }
  }

  private func inner(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
}
