import CLinux
import Glibc

/// The kernel's clocks (clock_gettime(2)).
public enum Clocks {
    /// Wall-clock time in nanoseconds since the Unix epoch.
    public static func wallNanoseconds() -> Int64 { read(CLOCK_REALTIME) }
    /// Time since boot excluding suspend, in nanoseconds; never jumps (CLOCK_MONOTONIC).
    public static func monotonicNanoseconds() -> Int64 { read(CLOCK_MONOTONIC) }

    /// The current UTC offset of the local time zone, in seconds (localtime_r(3): TZ, or /etc/localtime).
    public static func zoneSeconds() -> Int64 {
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
public func randomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
}

/// glibc's allocator (mallopt(3), malloc_trim(3)).
public enum MemoryAllocator {
    /// Limits the number of arenas (M_ARENA_MAX). Free memory in one thread's arena is not available to other threads.
    public static func limitArenas(_ count: Int32) { roost_limit_arenas(count) }

    /// Returns freed memory to the system (malloc_trim(3)).
    public static func trim() { roost_trim() }
}

/// The value of an environment variable, nil if it is not set (getenv(3)).
public func environmentVariable(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
}

/// The host name, kernel release, kernel version and machine (uname(2)), read from /proc/sys/kernel.
public struct HostIdentity: Sendable {
    public let name: String
    public let release: String
    public let version: String
    public let machine: String

    public static func current() -> HostIdentity {
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
