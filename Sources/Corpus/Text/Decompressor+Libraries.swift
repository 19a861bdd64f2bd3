internal import CBzip2
internal import CLZMA
internal import CZlib
internal import CZstd

private let noMemory = DamagedData(reason: "there is no memory to decode it")

/// Decodes gzip with zlib.
final class GzipDecompressor: Decompressor {
  /// At a fixed address: zlib's state points back at it.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

  init() throws(DamagedData) {
    stream.initialize(to: z_stream())
    // The largest window, and 16 for gzip's header and checksum.
    guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw noMemory
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  func reset() throws(DamagedData) { inflateReset(stream) }

  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(DamagedData) -> DecodingStep {
    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
    stream.pointee.avail_in = UInt32(input.count)
    stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
    stream.pointee.avail_out = UInt32(output.count)
    let status = inflate(stream, Z_NO_FLUSH)
    guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
      throw DamagedData(reason: stream.pointee.msg.map { String(cString: $0) } ?? "zlib's error \(status)")
    }
    return DecodingStep(
      consumed: input.count - Int(stream.pointee.avail_in), produced: output.count - Int(stream.pointee.avail_out),
      isEnd: status == Z_STREAM_END)
  }
}

/// Decodes zstd.
final class ZstdDecompressor: Decompressor {
  private let context: OpaquePointer

  init() throws(DamagedData) {
    guard let context = ZSTD_createDCtx() else { throw noMemory }
    self.context = context
    // Archives of much text are often packed with --long=31, whose window is 2 GiB.
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 31)
  }

  deinit { ZSTD_freeDCtx(context) }

  func reset() throws(DamagedData) { ZSTD_DCtx_reset(context, ZSTD_reset_session_only) }

  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(DamagedData) -> DecodingStep {
    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var destination = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    let status = ZSTD_decompressStream(context, &destination, &source)
    guard ZSTD_isError(status) == 0 else { throw DamagedData(reason: String(cString: ZSTD_getErrorName(status))) }
    return DecodingStep(consumed: source.pos, produced: destination.pos, isEnd: status == 0)
  }
}

/// Decodes xz.
final class XzDecompressor: Decompressor {
  private let stream = UnsafeMutablePointer<lzma_stream>.allocate(capacity: 1)

  init() throws(DamagedData) {
    stream.initialize(to: lzma_stream())
    try reset()
  }

  deinit {
    lzma_end(stream)
    stream.deallocate()
  }

  func reset() throws(DamagedData) {
    guard lzma_stream_decoder(stream, UInt64.max, 0) == LZMA_OK else { throw noMemory }
  }

  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(DamagedData) -> DecodingStep {
    stream.pointee.next_in = input.bindMemory(to: UInt8.self).baseAddress
    stream.pointee.avail_in = input.count
    stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
    stream.pointee.avail_out = output.count
    let status = lzma_code(stream, LZMA_RUN)
    switch status {
    case LZMA_OK, LZMA_STREAM_END, LZMA_BUF_ERROR: break
    case LZMA_MEM_ERROR, LZMA_MEMLIMIT_ERROR: throw noMemory
    case LZMA_OPTIONS_ERROR: throw DamagedData(reason: "it wants what this version of liblzma does not know")
    default: throw DamagedData(reason: "liblzma's error \(status.rawValue)")
    }
    return DecodingStep(
      consumed: input.count - stream.pointee.avail_in, produced: output.count - stream.pointee.avail_out,
      isEnd: status == LZMA_STREAM_END)
  }
}

/// Decodes bzip2.
final class Bzip2Decompressor: Decompressor {
  private let stream = UnsafeMutablePointer<bz_stream>.allocate(capacity: 1)

  init() throws(DamagedData) {
    stream.initialize(to: bz_stream())
    guard BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK else { throw noMemory }
  }

  deinit {
    BZ2_bzDecompressEnd(stream)
    stream.deallocate()
  }

  func reset() throws(DamagedData) {
    BZ2_bzDecompressEnd(stream)
    stream.pointee = bz_stream()
    guard BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK else { throw noMemory }
  }

  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(DamagedData) -> DecodingStep {
    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: CChar.self).baseAddress)
    stream.pointee.avail_in = UInt32(input.count)
    stream.pointee.next_out = output.bindMemory(to: CChar.self).baseAddress
    stream.pointee.avail_out = UInt32(output.count)
    let status = BZ2_bzDecompress(stream)
    guard status == BZ_OK || status == BZ_STREAM_END else {
      throw status == BZ_MEM_ERROR ? noMemory : DamagedData(reason: "libbz2's error \(status)")
    }
    return DecodingStep(
      consumed: input.count - Int(stream.pointee.avail_in), produced: output.count - Int(stream.pointee.avail_out),
      isEnd: status == BZ_STREAM_END)
  }
}
