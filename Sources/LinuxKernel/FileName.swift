import Glibc

/// File names are bytes and need not be UTF-8 (path_resolution(7)). In a `String`, a byte that is not part of a valid character is
/// represented by U+10FF00 plus its value, and is converted back on its way to the kernel or into an archive. If a name really contains one
/// of these private-use characters, its bytes are escaped the same way: every name round-trips unchanged.
package enum FileName {
    /// The first byte of these characters in UTF-8.
    private static let lead: UInt8 = 0xF4

    package static func text(_ bytes: some Collection<UInt8>) -> String {
        if !bytes.contains(lead), let text = String(validating: bytes, as: UTF8.self) { return text }
        var out = String.UnicodeScalarView()
        var decoder = UTF8()
        var rest = Array(bytes)[...]
        while let first = rest.first {
            var input = rest.makeIterator()
            if case .scalarValue(let scalar) = decoder.decode(&input), !isStandIn(scalar) {
                out.append(scalar)
                rest = rest.dropFirst(UTF8.width(scalar))
            } else {
                out.append(Unicode.Scalar(0x10FF00 + UInt32(first)) ?? "\u{FFFD}")
                rest = rest.dropFirst()
            }
            decoder = UTF8()
        }
        return String(out)
    }

    package static func text(_ pointer: UnsafePointer<CChar>) -> String {
        let count = unsafe strlen(pointer)
        return unsafe text(UnsafeRawBufferPointer(start: pointer, count: count))
    }

    package static func bytes(_ text: String) -> [UInt8] {
        guard text.utf8.contains(lead) else { return Array(text.utf8) }
        return text.unicodeScalars.flatMap { scalar in
            isStandIn(scalar) ? [UInt8(scalar.value & 0xFF)] : Array(String(scalar).utf8)
        }
    }

    /// The name as valid text for users and JSON: invalid bytes become U+FFFD, as in Go's encoder.
    package static func shown(_ text: String) -> String {
        guard text.utf8.contains(lead) else { return text }
        return String(decoding: bytes(text), as: UTF8.self)
    }

    /// The components of a path. Splits at the byte of the slash, as the kernel does: a `Character` may combine a slash with a following accent.
    package static func parts(_ path: some StringProtocol) -> [Substring] {
        Substring(path).utf8.split(separator: 47).map { Substring($0) }
    }

    private static func isStandIn(_ scalar: Unicode.Scalar) -> Bool { (0x10FF80...0x10FFFF).contains(scalar.value) }
}

extension UTF8 {
    fileprivate static func width(_ scalar: Unicode.Scalar) -> Int {
        scalar.value < 0x80 ? 1 : scalar.value < 0x800 ? 2 : scalar.value < 0x10000 ? 3 : 4
    }
}

/// Passes a path to the kernel or a C library as a NUL-terminated byte string.
package func withPath<Result, Failure: Error>(
    _ path: String, _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
) throws(Failure) -> Result {
    let bytes = path.utf8.contains(0xF4) ? FileName.bytes(path).map(CChar.init(bitPattern:)) + [0] : nil
    var result: Swift.Result<Result, Failure>?
    func run(_ pointer: UnsafePointer<CChar>) {
        do throws(Failure) { result = .success(try unsafe body(pointer)) } catch { result = .failure(error) }
    }
    if let bytes {
        unsafe bytes.withUnsafeBufferPointer { if let start = $0.baseAddress { unsafe run(start) } }
    } else {
        unsafe path.withCString { unsafe run($0) }
    }
    guard let result else { fatalError("a path without a pointer") }
    return try result.get()
}
