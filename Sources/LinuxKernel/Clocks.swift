import CLinux
import Glibc

/// The kernel's clocks (clock_gettime(2)).
package enum Clocks {
    /// Wall-clock time in nanoseconds since the Unix epoch.
    package static func wallNanoseconds() -> Int64 { read(CLOCK_REALTIME) }
    /// Time since boot excluding suspend, in nanoseconds; never jumps (CLOCK_MONOTONIC).
    package static func monotonicNanoseconds() -> Int64 { read(CLOCK_MONOTONIC) }

    /// The current UTC offset of the local time zone, in seconds (localtime_r(3): TZ, or /etc/localtime).
    package static func zoneSeconds() -> Int64 {
        var seconds = time_t(wallNanoseconds() / 1_000_000_000)
        var local = unsafe tm()
        tzset()
        _ = unsafe localtime_r(&seconds, &local)
        return unsafe Int64(local.tm_gmtoff)
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var now = timespec()
        _ = unsafe clock_gettime(clock, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }
}

/// Random bytes from the kernel (getrandom(2)).
package func randomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
}

/// glibc's allocator (mallopt(3), malloc_trim(3)).
package enum MemoryAllocator {
    /// Limits the number of arenas (M_ARENA_MAX). Free memory in one thread's arena is not available to other threads.
    package static func limitArenas(_ count: Int32) { roost_limit_arenas(count) }

    /// Returns freed memory to the system (malloc_trim(3)).
    package static func trim() { roost_trim() }
}

/// The value of an environment variable, nil if it is not set (getenv(3)).
package func environmentVariable(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
}

/// The host name, kernel release, kernel version and machine (uname(2)), read from /proc/sys/kernel.
package struct HostIdentity: Sendable {
    package let name: String
    package let release: String
    package let version: String
    package let machine: String

    package static func current() -> HostIdentity {
        func line(_ path: String) -> String {
            ((try? Files.readText(path, limit: 4096)) ?? "").split(separator: "\n").first.map(String.init) ?? ""
        }
        #if arch(arm64)
            let machine = "aarch64"
        #else
            let machine = "x86_64"
        #endif
        return HostIdentity(
            name: line("/proc/sys/kernel/hostname"), release: line("/proc/sys/kernel/osrelease"),
            version: line("/proc/sys/kernel/version"), machine: machine)
    }
}
