import CLinux
import Glibc
import Synchronization

/// An owned file descriptor: closed when the last reference is released.
///
/// A class instead of a non-copyable struct: descriptors are stored in dictionaries and cross tasks, and Swift 6.3's ownership passes crash
/// on non-copyable locals in throwing code.
package final class OwnedFD: Sendable {
    package let raw: CInt
    private let isOpen = Atomic(true)

    package init(adopting raw: CInt) { self.raw = raw }

    /// Closes the descriptor now, even if other references exist: for pipe ends whose closing signals end of file.
    package func close() {
        if isOpen.exchange(false, ordering: .sequentiallyConsistent) { _ = Glibc.close(raw) }
    }

    /// Releases ownership of the raw descriptor; the caller must close it.
    package func release() -> CInt {
        _ = isOpen.exchange(false, ordering: .sequentiallyConsistent)
        return raw
    }

    deinit { close() }

    /// Duplicates the descriptor with close-on-exec set (fcntl(2), F_DUPFD_CLOEXEC).
    package func duplicate() throws(SyscallError) -> OwnedFD { try OwnedFD(adopting: duplicateDescriptor(raw)) }
}

func duplicateDescriptor(_ raw: CInt) throws(SyscallError) -> CInt {
    try check("fcntl", "descriptor \(raw)") { roost_fcntl(raw, F_DUPFD_CLOEXEC, 3) }
}

/// Both ends of a pipe, close-on-exec (pipe2(2)).
package struct Pipe: Sendable {
    package let reading: OwnedFD
    package let writing: OwnedFD

    package init() throws(SyscallError) {
        var ends: [CInt] = [-1, -1]
        try check("pipe2", "a pipe") { unsafe roost_pipe2(&ends, O_CLOEXEC) }
        reading = OwnedFD(adopting: ends[0])
        writing = OwnedFD(adopting: ends[1])
    }
}

/// One read(2) of at most `limit` bytes. An empty result means end of file.
package func readSome(_ fd: CInt, limit: Int) throws(SyscallError) -> [UInt8] {
    var failure: SyscallError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
        do throws(SyscallError) {
            count = try checkLong("read", "descriptor \(fd)") { unsafe read(fd, buffer.baseAddress, limit) }
        } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
}

/// Reads to the end of the file; throws EFBIG if there are more than `limit` bytes.
package func readAll(_ fd: CInt, limit: Int) throws(SyscallError) -> [UInt8] {
    var all: [UInt8] = []
    while true {
        let part = try readSome(fd, limit: 65536)
        if part.isEmpty { return all }
        all += part
        if all.count > limit { throw SyscallError(call: "read", subject: "descriptor \(fd)", errno: EFBIG) }
    }
}

/// Reads at an offset without changing the file position (pread(2)).
package func readSome(_ fd: CInt, at offset: Int, limit: Int) throws(SyscallError) -> [UInt8] {
    var failure: SyscallError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
        do throws(SyscallError) {
            count = try checkLong("pread", "descriptor \(fd)") {
                unsafe pread(fd, buffer.baseAddress, limit, off_t(offset))
            }
        } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
}

/// Writes all bytes; waits when a non-blocking descriptor is not ready.
package func writeAll(_ fd: CInt, _ bytes: [UInt8]) throws(SyscallError) {
    var done = 0
    while done < bytes.count {
        do throws(SyscallError) { done += try writeSome(fd, bytes[done...]) } catch {
            // Standard output may be non-blocking: file status flags are shared with other processes.
            if error.errno != Errno.again { throw error }
            _ = try waitUntilReady(fd, writing: true, milliseconds: nil)
        }
    }
}

/// One write(2); returns the number of bytes written, which may be smaller than the input.
package func writeSome(_ fd: CInt, _ bytes: ArraySlice<UInt8>) throws(SyscallError) -> Int {
    try checkLong("write", "descriptor \(fd)") {
        unsafe bytes.withUnsafeBytes { unsafe write(fd, $0.baseAddress, $0.count) }
    }
}

/// Sets or clears O_NONBLOCK.
package func setNonBlocking(_ fd: CInt, _ on: Bool = true) throws(SyscallError) {
    let flags = try check("fcntl", "descriptor \(fd)") { roost_fcntl(fd, F_GETFL, 0) }
    let wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK
    if wanted != flags { try check("fcntl", "descriptor \(fd)") { roost_fcntl(fd, F_SETFL, Int(wanted)) } }
}
