import Kernels
import MPI
import Transformer

/// The state of gradients that one rank has accumulated from its own slots.
public enum Local {}

/// The state of gradients that all ranks have summed: the same on every rank.
public enum Averaged {}

/// The gradients of all parameters in one arena, whose type says whether the other ranks' share is in them.
///
/// A step goes round: local gradients are accumulated, consumed into averaged ones, used by the optimizer, which accepts only
/// these, and cleared into local ones again. The arena stays the same throughout.
public struct Gradients<State>: ~Copyable {
  fileprivate(set) var arena: Arena

  fileprivate init(arena: consuming Arena) { self.arena = arena }

  /// The Euclidean norm of the whole gradient.
  public var norm: Double { sumOfSquares(arena.row).squareRoot() }
}

extension Gradients where State == Local {
  /// Zero gradients of a layout.
  public init(layout: ParameterLayout) { self.init(arena: Arena(count: layout.arenaCount)) }

  /// Runs backward through the micro-batch that `model` has just seen and adds `scale` times its gradients.
  ///
  /// - Returns: The sum of the losses of its tokens, in nats.
  public mutating func accumulate(_ model: inout GPT2, parameters: borrowing Arena, scale: Float) -> Double {
    model.backward(parameters: parameters, gradients: arena, scale: scale)
  }

  /// Sums the gradients of all ranks.
  ///
  /// Every rank scales its losses by the global number of tokens, so the sum is the gradient of the mean loss.
  /// Collective: every rank calls, with the same count.
  public consuming func averaged(over world: borrowing Communicator) throws -> Gradients<Averaged> {
    var arena = self.arena
    var span = arena.mutableSpan
    try world.allReduce(&span, .sum)
    return Gradients<Averaged>(arena: arena)
  }

  /// Takes these gradients for the sum over all ranks, which they are when there is one: for programs without MPI.
  package consuming func averagedAlone() -> Gradients<Averaged> { Gradients<Averaged>(arena: arena) }
}

extension Gradients where State == Averaged {
  /// Sets all gradients to zero, ready for the next step.
  public consuming func cleared() -> Gradients<Local> {
    clear(arena.row)
    return Gradients<Local>(arena: arena)
  }
}
