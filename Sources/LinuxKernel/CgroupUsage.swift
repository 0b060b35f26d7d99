/// Resource usage of a cgroup.
package struct CgroupUsage: Sendable {
    package var cpuNanoseconds: UInt64 = 0
    package var cpuUserNanoseconds: UInt64 = 0
    package var cpuSystemNanoseconds: UInt64 = 0
    package var memoryBytes: UInt64 = 0
    package var memoryLimit: UInt64 = 0
    /// Reclaimable page cache, in bytes; Docker subtracts it from the reported usage.
    package var inactiveFileBytes: UInt64 = 0
    package var processes: UInt64 = 0
    package var memoryStatistics: [String: UInt64] = [:]
    /// Peak usage in bytes; cgroup v1 only, as in Docker's stats.
    package var memoryPeakBytes: UInt64?
    /// CPU time per processor; cgroup v1 only.
    package var cpuNanosecondsEach: [UInt64] = []
    /// CFS quota periods: elapsed, throttled, and the total throttled time.
    package var periods: (count: UInt64, throttled: UInt64, throttledNanoseconds: UInt64) = (0, 0, 0)
    /// Bytes and operations per block device.
    package var transfers: [BlockTransfer] = []
}

/// Bytes and operations of one device and direction, from `io.stat` or `blkio.throttle.*`.
package struct BlockTransfer: Sendable {
    package let major: UInt64
    package let minor: UInt64
    /// `read` or `write`.
    package let operation: String
    package let bytes: UInt64
    package let count: UInt64
}

extension Cgroup {
    package func usage() -> CgroupUsage {
        var usage = CgroupUsage()
        func number(_ controller: String, _ file: String) -> UInt64 {
            UInt64(text(controller, file, limit: 4096).split(separator: "\n").first ?? "") ?? 0
        }
        func table(_ controller: String, _ file: String) -> [String: UInt64] {
            var values: [String: UInt64] = [:]
            for line in text(controller, file, limit: 65536).split(separator: "\n") {
                let parts = line.split(separator: " ")
                if parts.count == 2 { values[String(parts[0])] = UInt64(parts[1]) }
            }
            return values
        }
        if layout == .unified {
            let cpu = table("", "cpu.stat")
            usage.cpuNanoseconds = (cpu["usage_usec"] ?? 0) * 1000
            usage.cpuUserNanoseconds = (cpu["user_usec"] ?? 0) * 1000
            usage.cpuSystemNanoseconds = (cpu["system_usec"] ?? 0) * 1000
            usage.periods = (
                cpu["nr_periods"] ?? 0, cpu["nr_throttled"] ?? 0, (cpu["throttled_usec"] ?? 0) * 1000
            )
            usage.transfers = unifiedTransfers()
            usage.memoryBytes = number("", "memory.current")
            usage.memoryLimit = number("", "memory.max")
            usage.processes = number("", "pids.current")
            usage.memoryStatistics = table("", "memory.stat")
            usage.inactiveFileBytes = usage.memoryStatistics["inactive_file"] ?? 0
        } else {
            usage.cpuNanoseconds = number("cpuacct", "cpuacct.usage")
            usage.cpuUserNanoseconds = number("cpuacct", "cpuacct.usage_user")
            usage.cpuSystemNanoseconds = number("cpuacct", "cpuacct.usage_sys")
            usage.cpuNanosecondsEach = text("cpuacct", "cpuacct.usage_percpu", limit: 65536)
                .split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) }
            let cpu = table("cpu", "cpu.stat")
            usage.periods = (cpu["nr_periods"] ?? 0, cpu["nr_throttled"] ?? 0, cpu["throttled_time"] ?? 0)
            usage.memoryPeakBytes = number("memory", "memory.max_usage_in_bytes")
            usage.transfers = splitTransfers()
            usage.memoryBytes = number("memory", "memory.usage_in_bytes")
            usage.memoryLimit = number("memory", "memory.limit_in_bytes")
            usage.processes = number("pids", "pids.current")
            usage.memoryStatistics = table("memory", "memory.stat")
            usage.inactiveFileBytes = usage.memoryStatistics["total_inactive_file"] ?? 0
        }
        return usage
    }

    /// The content of a cgroup file; empty if the kernel has no such file or the cgroup is gone.
    private func text(_ controller: String, _ file: String, limit: Int) -> String {
        (try? Files.readText("\(path(controller))/\(file)", limit: limit)) ?? ""
    }

    /// `8:0 rbytes=1 wbytes=2 rios=3 wios=4 …` (kernel documentation, cgroup-v2, "IO Interface Files").
    private func unifiedTransfers() -> [BlockTransfer] {
        text("", "io.stat", limit: 1 << 18).split(separator: "\n").flatMap { line -> [BlockTransfer] in
            let words = line.split(separator: " ")
            guard let device = words.first.flatMap(Self.device) else { return [] }
            var values: [Substring: UInt64] = [:]
            for word in words.dropFirst() {
                let pair = word.split(separator: "=")
                if pair.count == 2 { values[pair[0]] = UInt64(pair[1]) }
            }
            return [("read", "rbytes", "rios"), ("write", "wbytes", "wios")].map { name, bytes, count in
                BlockTransfer(
                    major: device.0, minor: device.1, operation: name, bytes: values[bytes[...]] ?? 0,
                    count: values[count[...]] ?? 0)
            }
        }
    }

    /// `8:0 Read 4096` (kernel documentation, cgroup-v1/blkio-controller).
    private func splitTransfers() -> [BlockTransfer] {
        func rows(_ file: String) -> [(device: Substring, operation: String, value: UInt64)] {
            text("blkio", file, limit: 1 << 18).split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ")
                guard words.count == 3, let value = UInt64(words[2]) else { return nil }
                return (words[0], words[1].lowercased(), value)
            }
        }
        let counts = rows("blkio.throttle.io_serviced_recursive")
        return rows("blkio.throttle.io_service_bytes_recursive").compactMap { row in
            guard ["read", "write"].contains(row.operation), let device = Self.device(row.device) else { return nil }
            let count = counts.first { $0.device == row.device && $0.operation == row.operation }?.value ?? 0
            return BlockTransfer(
                major: device.0, minor: device.1, operation: row.operation, bytes: row.value, count: count)
        }
    }

    private static func device(_ text: Substring) -> (UInt64, UInt64)? {
        let parts = text.split(separator: ":").compactMap { UInt64($0) }
        return parts.count == 2 ? (parts[0], parts[1]) : nil
    }
}
