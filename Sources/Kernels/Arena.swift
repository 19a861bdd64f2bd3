import Glibc

/// An owner of one flat, 64-byte-aligned block of floats, zero at birth and freed with its owner.
///
/// Parameters, gradients, optimizer moments and activations are each one arena; everything else is a ``Matrix`` view.
/// A view is unowned: it must not be used after its arena is gone.
public struct Arena: ~Copyable {
  let base: UnsafeMutablePointer<Float>

  /// The number of floats.
  public let count: Int

  /// Offsets that are multiples of this many floats are aligned to a cache line.
  public static let alignment = 16

  /// Allocates `count` zeros.
  ///
  /// - Precondition: `count` is not negative. Running out of memory ends the process.
  public init(count: Int) {
    precondition(count >= 0, "an arena cannot have \(count) elements")
    self.count = count
    base = allocateFloats(max(count, 1))
    base.initialize(repeating: 0, count: max(count, 1))
  }

  deinit { base.deallocate() }

  /// The next multiple of ``alignment`` at or after `offset`.
  public static func aligned(_ offset: Int) -> Int {
    (offset + alignment - 1) / alignment * alignment
  }

  /// All elements, to read.
  public var span: Span<Float> {
    @_lifetime(borrow self) get {
      _overrideLifetime(Span(_unsafeStart: base, count: count), borrowing: self)
    }
  }

  /// All elements, to read and write.
  public var mutableSpan: MutableSpan<Float> {
    @_lifetime(&self) mutating get {
      _overrideLifetime(MutableSpan(_unsafeStart: base, count: count), mutating: &self)
    }
  }

  /// A row-major view of `rows` x `columns` elements that starts at `offset`.
  public func matrix(at offset: Int, rows: Int, columns: Int) -> Matrix {
    precondition(offset >= 0 && rows >= 0 && columns >= 0 && offset + rows * columns <= count, "view outside its arena")
    return Matrix(base: base + offset, rows: rows, columns: columns, stride: columns)
  }

  /// A view of everything as one row.
  public var row: Matrix { matrix(at: 0, rows: 1, columns: count) }
}

/// Allocates aligned memory for `count` floats, as yet without values.
///
/// Large pieces ask for pages of 2 MiB. Matrix products walk down columns, one page a row: with pages of 4 KiB they
/// wait for address translation, which is a tenth of a training step in a virtual machine.
func allocateFloats(_ count: Int) -> UnsafeMutablePointer<Float> {
  let hugePage = 2 << 20
  let bytes = count * MemoryLayout<Float>.stride
  let isLarge = bytes >= hugePage
  let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: isLarge ? hugePage : 64)
  if isLarge { madvise(raw, bytes / hugePage * hugePage, Int32(MADV_HUGEPAGE)) }
  return raw.bindMemory(to: Float.self, capacity: count)
}
