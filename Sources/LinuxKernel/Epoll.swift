import CLinux
import Glibc

/// What a descriptor is ready for (epoll(7)).
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let readable = Readiness(rawValue: 0x1)
    package static let writable = Readiness(rawValue: 0x4)
    package static let failed = Readiness(rawValue: 0x8)
    package static let hungUp = Readiness(rawValue: 0x10)
    package static let halfClosed = Readiness(rawValue: 0x2000)
}

/// One epoll instance. It does not own the registered descriptors; their owners close them.
package struct Epoll: Sendable {
    private let poll: OwnedFD

    package init() throws(SyscallError) {
        poll = try OwnedFD(adopting: check("epoll_create1", "an epoll instance") { epoll_create1(O_CLOEXEC) })
    }

    package func add(_ fd: CInt, _ interest: Readiness) throws(SyscallError) { try control(1, fd, interest) }
    package func change(_ fd: CInt, _ interest: Readiness) throws(SyscallError) { try control(3, fd, interest) }
    package func remove(_ fd: CInt) { try? control(2, fd, []) }

    private func control(_ operation: CInt, _ fd: CInt, _ interest: Readiness) throws(SyscallError) {
        let raw = poll.raw
        try check("epoll_ctl", "descriptor \(fd)") { roost_epoll_control(raw, operation, fd, interest.rawValue) }
    }

    /// Waits for events, at most this long; nil waits forever. Returns at most 64 events.
    package func wait(milliseconds: Int32?) throws(SyscallError) -> [(fd: CInt, readiness: Readiness)] {
        let raw = poll.raw
        var descriptors = [CInt](repeating: -1, count: 64)
        var ready = [UInt32](repeating: 0, count: 64)
        let count = try check("epoll_wait", "an epoll instance") {
            unsafe roost_epoll_wait(raw, &descriptors, &ready, 64, milliseconds ?? -1)
        }
        return (0..<Int(count)).map { (descriptors[$0], Readiness(rawValue: ready[$0])) }
    }
}

/// Waits until a descriptor is ready (poll(2)); false on timeout.
package func waitUntilReady(_ fd: CInt, writing: Bool = false, milliseconds: Int32?) throws(SyscallError) -> Bool {
    var entry = pollfd(fd: fd, events: Int16(writing ? POLLOUT : POLLIN), revents: 0)
    return try check("poll", "descriptor \(fd)") { unsafe poll(&entry, 1, milliseconds ?? -1) } > 0
}

/// Waits until one of several descriptors is readable or hung up (poll(2)); returns the indices of those that are.
package func waitForAny(_ descriptors: [CInt], milliseconds: Int32?) throws(SyscallError) -> [Int] {
    var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    try check("poll", "descriptors") { unsafe poll(&entries, nfds_t(entries.count), milliseconds ?? -1) }
    return entries.indices.filter { entries[$0].revents != 0 }
}

/// One inotify instance (inotify(7)).
package struct Inotify: Sendable {
    private let watch: OwnedFD
    package var descriptor: CInt { watch.raw }

    package init() throws(SyscallError) {
        watch = try OwnedFD(adopting: check("inotify_init1", "an instance") { inotify_init1(O_CLOEXEC | O_NONBLOCK) })
    }

    /// Watches a path for IN_MODIFY, IN_MOVED_TO, IN_CREATE, IN_DELETE_SELF and IN_MOVE_SELF; returns the watch descriptor.
    @discardableResult
    package func add(_ path: String) throws(SyscallError) -> Int32 {
        let raw = watch.raw
        return try check("inotify_add_watch", path) {
            unsafe inotify_add_watch(raw, path, 0x2 | 0x80 | 0x100 | 0x400 | 0x800)
        }
    }

    package func remove(_ descriptor: Int32) { _ = inotify_rm_watch(watch.raw, descriptor) }

    /// The watch descriptors with events since the last call.
    package func events() -> [Int32] {
        var found: [Int32] = []
        while let bytes = try? readSome(watch.raw, limit: 65536), !bytes.isEmpty {
            // struct inotify_event: watch descriptor, mask, cookie, name length, name.
            var position = 0
            while position + 16 <= bytes.count {
                found.append(Int32(littleEndianBytes: bytes, at: position))
                position += 16 + Int(Int32(littleEndianBytes: bytes, at: position + 12))
            }
        }
        return found
    }
}

/// A timer file descriptor on the monotonic clock (timerfd_create(2)).
package struct TimerDescriptor: Sendable {
    private let timer: OwnedFD
    package var descriptor: CInt { timer.raw }

    package init() throws(SyscallError) {
        timer = try OwnedFD(
            adopting: check("timerfd_create", "a timer") { timerfd_create(CLOCK_MONOTONIC, O_CLOEXEC | O_NONBLOCK) })
    }

    /// Fires once after this many milliseconds; 0 disarms the timer.
    package func fire(afterMilliseconds time: Int) throws(SyscallError) {
        let raw = timer.raw
        var setting = itimerspec()
        setting.it_value = timespec(tv_sec: time / 1000, tv_nsec: (time % 1000) * 1_000_000)
        try check("timerfd_settime", "a timer") { unsafe timerfd_settime(raw, 0, &setting, nil) }
    }

    package func drain() { _ = try? readSome(timer.raw, limit: 8) }
}
