import Foundation
import Networking
import Synchronization
import Testing

/// What a program printed and how it ended.
struct Outcome {
    let output: String
    let errors: String
    let code: Int32
    var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// An engine of a test's own, on roots of its own, and the command line that talks to it. It is gone when the test is.
final class TestEngine: Sendable {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    static let programs = ProcessInfo.processInfo.environment["ROOST_BIN"] ?? root + "/.build/debug"

    let folder: String
    var runRoot: String { folder + "/run" }
    var dataRoot: String { folder + "/data" }

    init(images: [String] = ["busybox"]) throws {
        folder = Self.freeFolder()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Self.makeImages()
        if images.contains("busybox") {
            try must("import", "--change", #"CMD ["sh"]"#, Self.root + "/.build/images/busybox.tar", "busybox")
        }
        if images.contains("debian") {
            let made = try Self.run("/bin/sh", [Self.root + "/scripts/sample-images", "true", "debian"])
            guard made.code == 0 else { throw Failure(text: made.errors) }
            try must("import", Self.root + "/.build/images/debian.tar", "debian:bookworm")
        }
        if images.contains("redis") {
            try must(
                "import", "--change", #"CMD ["redis-server","--protected-mode","no"]"#,
                Self.root + "/.build/images/redis.tar", "redis")
        }
    }

    /// Folders whose engines look for subnets far from each other: a network that nobody uses yet has no route by which another engine
    /// would know of it.
    private static func freeFolder() -> String {
        while true {
            let folder = "/var/tmp/roost-test-" + UUID().uuidString.prefix(8).lowercased()
            let names = KernelNames(runRoot: folder + "/run")
            let isFree = taken.withLock { taken in
                guard taken.allSatisfy({ abs($0.seed - names.seed) > 8 && $0.tag != names.tag }) else { return false }
                taken.append(names)
                return true
            }
            if isFree { return folder }
        }
    }
    private static let taken = Mutex<[KernelNames]>([])

    /// The archives are made once for all tests, by the script that the demo uses.
    private static let made = Result { () throws -> Bool in
        let outcome = try run("/bin/sh", [root + "/scripts/sample-images", "true"])
        guard outcome.code == 0 else { throw Failure(text: outcome.errors) }
        return true
    }
    static func makeImages() throws { _ = try made.get() }

    struct Failure: Error, CustomStringConvertible {
        let text: String
        var description: String { text }
    }

    static func run(
        _ program: String, _ arguments: [String], input: Data? = nil, directory: String? = nil,
        environment: [String: String] = [:]
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        if let input {
            let pipe = Pipe()
            process.standardInput = pipe
            // A program may leave its input unread.
            signal(SIGPIPE, SIG_IGN)
            DispatchQueue.global().async {
                try? pipe.fileHandleForWriting.write(contentsOf: input)
                try? pipe.fileHandleForWriting.close()
            }
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        try process.run()
        let captured = Captured()
        let group = DispatchGroup()
        group.enter()
        DispatchQueue.global().async {
            captured.errors = errors.fileHandleForReading.readDataToEndOfFile()
            group.leave()
        }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        group.wait()
        process.waitUntilExit()
        return Outcome(
            output: String(decoding: data, as: UTF8.self), errors: String(decoding: captured.errors, as: UTF8.self),
            code: process.terminationReason == .uncaughtSignal
                ? 128 + process.terminationStatus : process.terminationStatus)
    }

    private final class Captured: @unchecked Sendable { var errors = Data() }

    var environment: [String: String] {
        ["ROOST_RUN_ROOT": runRoot, "ROOST_DATA_ROOT": dataRoot, "DOCKER_HOST": "", "ROOST_HOST": ""]
    }

    /// Runs `roost` with these words.
    @discardableResult
    func roost(
        _ words: String..., input: String? = nil, in directory: String? = nil, environment more: [String: String] = [:]
    ) throws -> Outcome {
        try roost(words, input: input.map { Data($0.utf8) }, in: directory, environment: more)
    }

    func roost(
        _ words: [String], input: Data? = nil, in directory: String? = nil, environment more: [String: String] = [:]
    ) throws -> Outcome {
        try Self.run(
            Self.programs + "/roost", words, input: input, directory: directory ?? folder,
            environment: environment.merging(more) { $1 })
    }

    /// The same, for what must succeed; answers with the output without the last newline.
    @discardableResult
    func must(
        _ words: String..., input: String? = nil, in directory: String? = nil, environment more: [String: String] = [:]
    ) throws -> String {
        let outcome = try roost(words, input: input.map { Data($0.utf8) }, in: directory, environment: more)
        guard outcome.code == 0 else {
            throw Failure(
                text:
                    "roost \(words.joined(separator: " ")) ended with \(outcome.code): \(outcome.errors)\(outcome.output)"
            )
        }
        return outcome.output.trimmingCharacters(in: .newlines)
    }

    /// Asks until the answer fits; the time is a bound for hangs, not a measure.
    func eventually(_ what: String, seconds: Double = 30, _ fits: () throws -> Bool) throws {
        let end = Date().addingTimeInterval(seconds)
        while Date() < end {
            if (try? fits()) == true { return }
            usleep(20_000)
        }
        let log = (try? String(contentsOfFile: dataRoot + "/engine.log", encoding: .utf8)) ?? ""
        throw Failure(text: "never came true: \(what)\n\(log.suffix(2000))")
    }

    var enginePID: Int32 {
        get throws {
            let line = try must("engine", "status").split(separator: "\n").first { $0.hasPrefix("pid: ") }
            return Int32(line?.dropFirst(5) ?? "") ?? 0
        }
    }

    /// Every engine process of these roots, found without asking one.
    var enginePIDs: [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }.filter { pid in
            guard let line = try? Self.kernelFile("/proc/\(pid)/cmdline") else { return false }
            return line.hasPrefix("roostd\0") && line.contains(dataRoot)
        }
    }

    func writeProject(_ text: String, name: String = "project") throws -> String {
        let path = "\(folder)/\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try text.write(toFile: path + "/compose.yaml", atomically: true, encoding: .utf8)
        return path
    }

    /// Removes everything and looks whether something is left: that is part of every test.
    func close() throws {
        let ids = try must("ps", "-aq", "--no-trunc").split(separator: "\n").map(String.init)
        if !ids.isEmpty { _ = try roost(["rm", "-f", "-v"] + ids) }
        for name in try must("network", "ls", "-q", "--filter", "type=custom").split(separator: "\n") {
            _ = try roost("network", "rm", String(name))
        }
        try must("engine", "stop")
        let log = (try? String(contentsOfFile: dataRoot + "/engine.log", encoding: .utf8)) ?? ""
        try? eventually("nothing is left of \(folder)") { try leftovers().isEmpty }
        let left = try leftovers()
        #expect(left.isEmpty, "left behind: \(left)\n\(log)")
        try FileManager.default.removeItem(atPath: folder)
        Self.taken.withLock { taken in taken.removeAll { $0.tag == KernelNames(runRoot: runRoot).tag } }
    }

    /// Files of /proc have no size, so they are read to their end.
    static func kernelFile(_ path: String) throws -> String {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        return String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
    }

    /// What this engine has left: processes that name its folder, mounts below it, links and control groups with its tag.
    private func leftovers() throws -> [String] {
        var found: [String] = []
        for pid in try FileManager.default.contentsOfDirectory(atPath: "/proc") where Int(pid) != nil {
            guard let line = try? Self.kernelFile("/proc/\(pid)/cmdline"), line.contains(folder) else { continue }
            found.append("process \(pid)")
        }
        let mounts = try Self.kernelFile("/proc/mounts")
        found += mounts.split(separator: "\n").filter { $0.contains(folder) }.map { "mount \($0)" }
        var hash: UInt32 = 2_166_136_261
        for byte in runRoot.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        let tag = String(format: "%02x%02x", hash >> 24, hash >> 16 & 255)
        found += try FileManager.default.contentsOfDirectory(atPath: "/sys/class/net").filter {
            $0.hasPrefix("rb\(tag)") || $0.hasPrefix("rv\(tag)")
        }.map { "link \($0)" }
        for controller in ["", "/memory", "/pids", "/cpu"]
        where FileManager.default.fileExists(atPath: "/sys/fs/cgroup\(controller)/roost-\(tag)") {
            found.append("control group\(controller)")
        }
        if try Self.run("/usr/sbin/nft", ["list", "tables"]).output.contains("roost_\(tag)") {
            found.append("packet rules")
        }
        if let names = try? FileManager.default.contentsOfDirectory(atPath: runRoot) {
            found += names.filter { $0 != "engine.lock" }.map { "file run/\($0)" }
        }
        return found
    }
}

/// Runs a test's body with an engine of its own.
func withEngine(images: [String] = ["busybox"], _ body: (TestEngine) throws -> Void) throws {
    let engine = try TestEngine(images: images)
    do { try body(engine) } catch {
        Issue.record(error)
    }
    try engine.close()
}
