import Corpus
import Foundation
import Kernels
import MPI
import Mixing
import Parallel
import Runs
import Settings
import Steering
import Testing
import Training

extension MiddleTests {
  /// Directions, scorers, the reference model, and the times at which they measure.
  @Suite struct SteeringTests {
    /// The steps of a run of which something holds.
    private func times(_ holds: (Int) -> Bool) -> [Int] { (1...12).filter(holds) }

    @Test func `A direction is the gradient of the target's mean loss, and its unit the square of its norm`() throws {
      var bench = try Bench()
      var direction = try TargetDirection(bench.plan.steering)
      _ = try direction.measure(
        draw: 0, on: &bench.replica, bench.parameters, with: bench.gradients, over: bench.world)
      let figure = direction.figures[0]
      #expect(abs(figure.unit - figure.norm * figure.norm) < 1e-9 * figure.unit)
      let (tokens, isMeasured) = (direction.tokens, direction.isMeasured)
      #expect(tokens == 4 * 12 && isMeasured)
      // An untrained model knows nothing: log 31.
      #expect(abs(figure.objective - log(31)) < 0.05 && figure.loss == figure.objective)
    }

    @Test func `Several directions are those of the logarithms of each target's loss`() throws {
      var bench = try Bench {
        $0.mixture.steering.direction.adaptive = true
        $0.mixture.steering.direction.targets = [Share("t", 1), Share("u", 1)]
      }
      var several = try TargetDirection(bench.plan.steering)
      _ = try several.measure(
        draw: 0, on: &bench.replica, bench.parameters, with: bench.gradients, over: bench.world)
      var alone = try Bench { $0.mixture.steering.direction.logLoss = true }
      var single = try TargetDirection(alone.plan.steering)
      _ = try single.measure(
        draw: 0, on: &alone.replica, alone.parameters, with: alone.gradients, over: alone.world)
      let (row, expected) = (values(several.rows.rows(0, count: 1)), values(single.rows))
      let (unit, other, gram) = (several.figures[0].unit, single.figures[0].unit, several.gram)
      #expect(row == expected && unit == other)
      #expect(abs(gram[0][0] - unit) < 1e-6 * unit)
      #expect(gram[0][1] == gram[1][0] && gram[0][1] < gram[0][0])
    }

    @Test func `Every estimator of whole gradients gives the same mean scores along the same direction`() throws {
      var bench = try Bench()
      var direction = try TargetDirection(bench.plan.steering)
      _ = try direction.measure(
        draw: 0, on: &bench.replica, bench.parameters, with: bench.gradients, over: bench.world)
      let windows = (0..<3).flatMap { domain in (0..<2).map { Window(domain: Int32(domain), index: $0) } }
      var means: [[Double]] = []
      for estimator in SteeringSettings.Estimator.allCases where estimator != .lastLayer {
        var sample = Sample(windows, from: bench.batch.source)
        var meter = estimator.meter(bench.plan.steering)
        _ = try meter.measure(
          &sample, along: direction.rows, on: &bench.replica, bench.parameters, with: bench.gradients,
          over: bench.world)
        #expect(sample.rowsAreMeans == !estimator.givesErrors && sample.norms.isEmpty == !estimator.givesNorms)
        means.append(sample.ranges.map { range in range.reduce(0) { $0 + sample.scores[0][$1] } / Double(range.count) })
      }
      for mean in means {
        for (score, expected) in zip(mean, means[0]) { #expect(abs(score - expected) < 1e-5 * abs(means[0][0])) }
      }
    }

    @Test func `The last layer's direction is one of the token table alone, along which the target scores its unit`()
      throws
    {
      // More sequences than there are: the steering part is used whole, 16 windows of it.
      var bench = try Bench {
        $0.mixture.steering.estimator = .lastLayer
        $0.mixture.steering.targetSequences = 100
        $0.mixture.use(DynamicGradientAlignment.self) { $0.rule = UpdateRule(eta: 0) }
      }
      var direction = try TargetDirection(bench.plan.steering)
      _ = try direction.measure(
        draw: 0, on: &bench.replica, bench.parameters, with: bench.gradients, over: bench.world)
      let row = values(direction.rows)
      for tensor in bench.plan.steering.layout.tensors {
        let isTable = tensor.name == "wte.weight"
        #expect(row[tensor.range].contains { $0 != 0 } == isTable, "\(tensor.name)")
      }
      let windows = (0..<16).map { Window(domain: 0, index: $0) }
      var sample = Sample(windows, from: .mapped(TokenSlices(bench.plan.steering.targets.map(\.slice))))
      var meter = SteeringSettings.Estimator.lastLayer.meter(bench.plan.steering)
      _ = try meter.measure(
        &sample, along: direction.rows, on: &bench.replica, bench.parameters, with: bench.gradients, over: bench.world)
      let (mean, unit) = (sample.scores[0].reduce(0, +) / 16, direction.figures[0].unit)
      #expect(abs(mean - unit) < 1e-5 * unit)
      #expect(sample.norms.isEmpty && !sample.rowsAreMeans)
    }

    @Test func `A reference of the same parameters has the same losses and no excess`() throws {
      var bench = try Bench { $0.mixture.use(ConstantMixture<UniformWeights>.self) }
      let elements = values(bench.parameters.row)
      var reference = try ReferenceModel(
        ReferenceModel.Source(model: bench.plan.model) { elements }, length: bench.plan.model.context, capacity: 2)
      var sample = Sample(bench.batch.windows.sorted { $0.domain < $1.domain }, from: bench.batch.source)
      _ = try reference.measure(
        &sample, along: bench.parameters.row, on: &bench.replica, bench.parameters, with: bench.gradients,
        over: bench.world)
      #expect(sample.losses == sample.referenceLosses && sample.losses.allSatisfy { $0 > 3 })
      #expect(sample.excessLosses.allSatisfy { $0 == 0 })
      // Another model is better on some tokens, and what it is worse on does not count against that.
      let other = try ReferenceModel(
        ReferenceModel.Source(model: bench.plan.model) { elements.map { -2 * $0 } }, length: bench.plan.model.context,
        capacity: 2)
      reference = other
      _ = try reference.measure(
        &sample, along: bench.parameters.row, on: &bench.replica, bench.parameters, with: bench.gradients,
        over: bench.world)
      for row in sample.losses.indices {
        #expect(sample.excessLosses[row] > max(0, sample.losses[row] - sample.referenceLosses[row]))
      }
    }

    @Test func `Inline scores the last steps before a move, and directions are measured before the first of them`()
      throws
    {
      var bench = try Bench { $0.mixture.steering.steps = 2 }
      var steering = try Steering(bench.plan.steering)
      let (scored, moved) = (times { steering.isScored($0) }, times { steering.movesWeights(before: $0) })
      let previewed = times { steering.previews($0) }
      #expect(scored == [3, 4, 7, 8, 11, 12] && moved == [5, 9] && previewed.isEmpty)
      _ = try steering.measureDirection(
        before: 3, on: &bench.replica, bench.parameters, with: bench.gradients, over: bench.world)
      // The next step needs them again; after the move they are of no use.
      let kept = times { steering.keepsDirection(after: $0) }
      let read = times { steering.readsParameters(before: $0) }
      #expect(kept == [2, 3, 6, 7, 10, 11] && read.isEmpty)
      let tokens = steering.tokens
      #expect(tokens == 4 * 12)
    }

    @Test func `Probes are scored before the move that wants them, by every other estimator`() throws {
      var bench = try Bench { $0.mixture.steering.estimator = .ghost }
      var steering = try Steering(bench.plan.steering)
      var observations: Observations?
      let (read, scored) = (times { steering.readsParameters(before: $0) }, times { steering.isScored($0) })
      #expect(read == [5, 9] && scored.isEmpty)
      _ = try steering.probe(
        before: 4, into: &observations, on: &bench.replica, bench.parameters, with: bench.gradients, over: bench.world)
      #expect(observations == nil)
      _ = try steering.probe(
        before: 5, into: &observations, on: &bench.replica, bench.parameters, with: bench.gradients, over: bench.world)
      let found = try #require(observations)
      #expect(found.source == .probes && found.domains == [0, 0, 1, 1, 2, 2] && found.scores[0].values.count == 6)
      let tokens = steering.tokens
      #expect(tokens == (4 + 6) * 12)
    }

    @Test(arguments: [SteeringSettings.Estimator.ghost, .dots, .gradients])
    func `Probes are drawn from the distributions of a basis, and rows are of these`(
      estimator: SteeringSettings.Estimator
    ) throws {
      var bench = try Bench {
        $0.mixture.steering.estimator = estimator
        $0.mixture.steering.sequences = 40
        $0.mixture.use(DynamicGradientAlignment.self) { $0.basis = ["natural", "prior"] }
        $0.mixture.prior = .shares([Share("a", 1), Share("c", 3)])
      }
      var steering = try Steering(bench.plan.steering)
      var observations: Observations?
      _ = try steering.probe(
        before: 5, into: &observations, on: &bench.replica, bench.parameters, with: bench.gradients, over: bench.world)
      let found = try #require(observations)
      let rows = estimator == .gradients ? 1 : 40
      #expect(found.source == .probes && found.rowSizes.isEmpty == (estimator != .gradients))
      #expect(found.domains == Array(repeating: 0, count: rows) + Array(repeating: 1, count: rows))
      #expect(found.scores[0].values.count == 2 * rows)
      #expect(found.gradientNorms.count == (estimator == .ghost ? 0 : 2))
      let (read, tokens) = (steering.state.probeCursors, steering.tokens)
      // Domain b is in the natural mixture alone; the prior has three times as much of c as of a.
      #expect(read.reduce(0, +) == 80 && (5...22).contains(read[1]) && read[2] > read[0], "\(read)")
      #expect(tokens == (4 + 80) * 12)
      var method = bench.plan.method as! DistributionReweighting
      method.observe(found)
      let move = method.move(after: 5, from: method.start)
      #expect(move?.coefficients?.effectiveSampleSizes == [40, 40])
    }

    @Test func `Methods that weigh losses have the coming batch measured`() throws {
      var bench = try Bench { $0.mixture.use(DoGE.self) { $0.weighting = .loss } }
      var steering = try Steering(bench.plan.steering)
      let (previewed, read) = (times { steering.previews($0) }, times { steering.readsParameters(before: $0) })
      #expect(previewed == Array(1...12) && read.isEmpty)
      var observations: Observations?
      _ = try steering.preview(
        bench.batch, of: 1, into: &observations, on: &bench.replica, bench.parameters, with: bench.gradients,
        over: bench.world)
      let found = try #require(observations)
      #expect(found.source == .comingBatch && found.domains == [0, 0, 0, 1, 1, 1, 2, 2])
      #expect(found.gradientNorms.allSatisfy { $0 ?? 0 > 0 })
    }

    @Test func `State of other targets, or of gradients of other layers, is not gone on with`() throws {
      var bench = try Bench { $0.mixture.steering.estimator = .ghost }
      var steering = try Steering(bench.plan.steering)
      var observations: Observations?
      _ = try steering.probe(
        before: 5, into: &observations, on: &bench.replica, bench.parameters, with: bench.gradients, over: bench.world)
      let state = try JSONDecoder().decode(Steering.State.self, from: JSONEncoder().encode(steering.state))
      var same = try Steering(bench.plan.steering)
      let isSame = try same.restore(state, orders: nil, after: 5) { _ in false }
      let (tokens, expected) = (same.tokens, steering.tokens)
      #expect(isSame && tokens == expected)
      for (target, estimator) in [("u", SteeringSettings.Estimator.ghost), ("t", .lastLayer)] {
        let other = try Bench {
          $0.target = target
          $0.mixture.steering.estimator = estimator
        }
        var different = try Steering(other.plan.steering)
        let isDifferent = try !different.restore(state, orders: nil, after: 5) { _ in false }
        #expect(isDifferent, "\(target) \(estimator)")
      }
    }

    @Test func `A forecast adds up what learning rates and alignment promise between two measurements`() {
      var forecast = Forecast()
      forecast.measured(3, isPredictive: true)
      #expect(forecast.predictedChange == nil && forecast.realisedChange == nil)
      // `inline` scores the first step after the measurement, and learns the alignment when it is over.
      forecast.stepped(rate: 0.1)
      forecast.moved(alignments: [2, 4], weights: [0.5, 0.5])
      forecast.stepped(rate: 0.2)
      forecast.measured(2.5, isPredictive: true)
      #expect(forecast.realisedChange == -0.5)
      #expect(abs((forecast.predictedChange ?? 0) + 0.9) < 1e-12)
      forecast.measured(2.4, isPredictive: false)
      #expect(forecast.predictedChange == nil)
    }
  }
}
