import EngineModel
import LinuxKernel

/// The processes of a container in the format of `ps -ef`, read from /proc.
package enum ProcessTable {
    package static func listing(_ processes: [Int32]) -> ProcessListing {
        let booted = bootSeconds()
        return ProcessListing(
            titles: ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
            rows: processes.sorted().compactMap { row($0, booted: booted) })
    }

    /// `booted`: when the host was booted, in seconds since 1970.
    private static func row(_ pid: Int32, booted: Int64) -> [String]? {
        guard let stat = try? Files.readText("/proc/\(pid)/stat", limit: 4096), let end = stat.lastIndex(of: ")"),
            let status = try? Files.readText("/proc/\(pid)/status", limit: 16384)
        else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 19 else { return nil }
        let user =
            status.split(separator: "\n").first { $0.hasPrefix("Uid:") }?.split(separator: "\t").dropFirst().first.map(
                String.init) ?? "?"
        let ticks = (Int64(fields[11]) ?? 0) + (Int64(fields[12]) ?? 0)
        let seconds = ticks / 100
        func pad(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let command = ((try? Files.read("/proc/\(pid)/cmdline", limit: 1 << 20)) ?? []).split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }.joined(separator: " ")
        let started = booted + (Int64(fields[19]) ?? 0) / 100
        let clock = Timestamp.secondText(started).split(separator: "T").last.map { String($0.prefix(5)) } ?? ""
        return [
            user == "0" ? "root" : user, String(pid), String(fields[1]), "0", clock, "?",
            "\(pad(seconds / 3600)):\(pad(seconds / 60 % 60)):\(pad(seconds % 60))", command,
        ]
    }

    private static func bootSeconds() -> Int64 {
        let line = ((try? Files.readText("/proc/stat", limit: 1 << 20)) ?? "").split(separator: "\n").first {
            $0.hasPrefix("btime ")
        }
        return Int64(line?.dropFirst(6) ?? "") ?? 0
    }

    /// CPU time of the whole host, in nanoseconds.
    static func systemNanoseconds() -> Int64 {
        let line = ((try? Files.readText("/proc/stat", limit: 1 << 20)) ?? "").split(separator: "\n").first ?? ""
        return line.split(separator: " ").dropFirst().prefix(8).compactMap { Int64($0) }.reduce(0, +) * 10_000_000
    }
}
