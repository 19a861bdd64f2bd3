internal import CMPI

/// A type whose values travel through MPI as they lie in memory.
public protocol Communicable: BitwiseCopyable {
  /// The element type, as MPI knows it.
  static var datatype: Datatype { get }
}

/// The element types that the program sends.
public enum Datatype: Sendable {
  /// 8-bit unsigned integers, also used for bytes.
  case uint8
  /// 32-bit signed integers.
  case int32
  /// 64-bit signed integers.
  case int64
  /// 64-bit unsigned integers.
  case uint64
  /// 32-bit floating point.
  case float
  /// 64-bit floating point.
  case double
}

/// How a reduction combines the elements of all ranks.
public enum ReductionOperation: Sendable {
  /// The sum; integers wrap around.
  case sum
  /// The largest element.
  case max
  /// The smallest element.
  case min
}

extension UInt8: Communicable {
  /// `Datatype.uint8`.
  public static var datatype: Datatype { .uint8 }
}

extension Int32: Communicable {
  /// `Datatype.int32`.
  public static var datatype: Datatype { .int32 }
}

extension Int64: Communicable {
  /// `Datatype.int64`.
  public static var datatype: Datatype { .int64 }
}

extension Int: Communicable {
  /// `Datatype.int64`, which is what an `Int` is on the machines that we build for.
  public static var datatype: Datatype { .int64 }
}

extension UInt64: Communicable {
  /// `Datatype.uint64`.
  public static var datatype: Datatype { .uint64 }
}

extension Float: Communicable {
  /// `Datatype.float`.
  public static var datatype: Datatype { .float }
}

extension Double: Communicable {
  /// `Datatype.double`.
  public static var datatype: Datatype { .double }
}

extension Datatype {
  var handle: MPI_Datatype {
    switch self {
    case .uint8: MPI_UINT8_T
    case .int32: MPI_INT32_T
    case .int64: MPI_INT64_T
    case .uint64: MPI_UINT64_T
    case .float: MPI_FLOAT
    case .double: MPI_DOUBLE
    }
  }
}

extension ReductionOperation {
  var handle: MPI_Op {
    switch self {
    case .sum: MPI_SUM
    case .max: MPI_MAX
    case .min: MPI_MIN
    }
  }
}
