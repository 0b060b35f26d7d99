import EngineModel
import ImageStore
import LinuxKernel
import Networking

extension Engine {
    /// Changes limits and restart policy of a container, also while it is running (`docker update`); members that the request lacks stay
    /// as they are.
    package func updateContainer(_ reference: String, _ update: ContainerUpdate) async throws -> [String] {
        let record = try container(reference)
        return try await exclusively(record.id) {
            guard var changed = containers[record.id] else {
                throw RoostError.missing("No such container: \(reference)")
            }
            let resources = update.applied(to: changed.spec.resources)
            try check(resources, was: changed.spec.resources, record.id)
            try Self.check(resources)
            if let policy = update.restartPolicy {
                if changed.spec.removeWhenStopped, policy.name != .no {
                    throw RoostError.invalid(
                        "Restart policy cannot be updated because AutoRemove is enabled for the container")
                }
                changed.spec.restartPolicy = policy
            }
            if live[record.id] != nil { try apply(resources, to: record, was: changed.spec.resources) }
            changed.spec.resources = resources
            try store.save(changed)
            containers[record.id] = changed
            publish(changed, "update")
            return []
        }
    }

    /// Sets the limits of a running container: all of them, or none if the kernel rejects one.
    private func apply(_ resources: ResourceSpec, to record: ContainerRecord, was: ResourceSpec) throws {
        let group = cgroup(of: record)
        let missing: [String]
        do throws(SyscallError) { missing = try group.apply(ContainerStart.limits(resources)) } catch {
            var before = ContainerStart.limits(was)
            before.memory = before.memory ?? -1
            before.swap = before.swap ?? -1
            _ = try? group.apply(before)
            let reason =
                error.errno == Errno.busy ? "the container uses more memory than the new limit" : "\(error)"
            throw RoostError.failure("Cannot update container \(record.id): \(reason)")
        }
        // As at the start: limits that only some kernels support are no failure.
        if let first = missing.first(where: { ["memory limit", "process limit"].contains($0) }) {
            throw RoostError(
                .unsupported, "\(first)s are unavailable: this host's kernel does not have the cgroup controller")
        }
    }

    private func check(_ wanted: ResourceSpec, was: ResourceSpec, _ id: String) throws(RoostError) {
        func refused(_ why: String) -> RoostError { .conflict("Cannot update container \(id): \(why)") }
        if wanted.memorySwapBytes > 0, wanted.memoryBytes > wanted.memorySwapBytes {
            throw refused(
                "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
            )
        }
        if wanted.nanoCPUs > 0, was.cpuQuota > 0 {
            throw refused("Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set")
        }
    }

    /// The size of a container's writable layer, in bytes.
    package func layerSize(_ id: String) async -> Int64 {
        let folder = configuration.containerDirectory(id) + "/upper"
        return (try? await blocking { try Files.treeSize(folder) }) ?? 0
    }
}

extension Engine {
    /// The size of a container's writable layer, and of the layer with its image, in bytes.
    package func sizes(_ id: String) async -> (own: Int64, whole: Int64) {
        let own = await layerSize(id)
        guard let record = containers[id], let image = try? image(record.imageID) else { return (own, own) }
        return (own, own + image.size)
    }

    /// The host's `ps` output for the processes, in the form of Docker's `top`; nil if the host has no `ps`.
    package nonisolated func processTable(_ arguments: [String], of processes: [Int32]) async throws -> ProcessListing?
    {
        guard let program = ["/usr/bin/ps", "/bin/ps"].first(where: { Files.exists($0) }) else { return nil }
        let text = try await blocking { () throws -> String in
            let output = try Files.memory("ps", [])
            let null = try Files.open("/dev/null", .readWrite)
            let pid = try Processes.spawn(
                program, arguments: ["ps"] + arguments, environment: ["LC_ALL=C.UTF-8", "COLUMNS=4096"],
                descriptors: [null.raw, output.raw, output.raw])
            let status = try Processes.collect(pid: pid, wait: true)?.status.code
            let text = String(
                decoding: try readSome(output.raw, at: 0, limit: Int(Files.status(of: output.raw).size) + 1),
                as: UTF8.self)
            guard status == 0 else { throw RoostError.invalid("ps: \(text)") }
            return text
        }
        let lines = text.split(separator: "\n")
        let titles = (lines.first ?? "").split(separator: " ").map(String.init)
        guard let column = titles.firstIndex(of: "PID") else {
            throw RoostError.invalid("Couldn't find PID field in ps output")
        }
        let wanted = Set(processes.map(String.init))
        let rows = lines.dropFirst().compactMap { line -> [String]? in
            let fields = line.split(separator: " ", maxSplits: titles.count - 1).map(String.init)
            guard fields.count > column, wanted.contains(fields[column]) else { return nil }
            return fields
        }
        return ProcessListing(titles: titles, rows: rows)
    }
}

extension Engine {
    /// The counters of a running container's interfaces, under the names of `docker stats`.
    package func interfaceCounters(_ id: String) -> [(String, [(String, Int64)])] {
        (live[id]?.endpoints ?? []).map { endpoint in
            // The host's end receives what the container sends.
            let names = [
                ("rx_bytes", "tx_bytes"), ("rx_packets", "tx_packets"), ("rx_errors", "tx_errors"),
                ("rx_dropped", "tx_dropped"), ("tx_bytes", "rx_bytes"), ("tx_packets", "rx_packets"),
                ("tx_errors", "rx_errors"), ("tx_dropped", "rx_dropped"),
            ]
            let folder = "/sys/class/net/\(endpoint.hostInterface)/statistics/"
            return (
                endpoint.containerInterface,
                names.map { name, file in
                    let text = (try? Files.readText(folder + file, limit: 64)) ?? ""
                    return (name, Int64(text.prefix { $0.isNumber }) ?? 0)
                }
            )
        }
    }
}
