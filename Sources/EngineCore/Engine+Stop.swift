import ContainerRuntime
import EngineModel
import LinuxKernel
import Logging
import Networking

extension Engine {
    /// Stops a container on a user's request: the stop signal, a grace period, SIGKILL. No restart policy restarts it.
    /// Returns the errors of its stop hooks.
    @discardableResult
    package func stopContainer(_ reference: String, timeout: Int?, signal: String? = nil) async throws -> [String] {
        let record = try container(reference)
        return try await exclusively(record.id) {
            let wasPending = pendingRestarts.removeValue(forKey: record.id)
            wasPending?.cancel()
            update(record.id) { record in
                record.status.stoppedByUser = true
                if record.status.phase == .restarting { record.status.phase = .exited }
            }
            guard live[record.id] != nil else {
                if wasPending != nil {
                    publish(record, "stop")
                    return []
                }
                throw RoostError(.notModified, "container \(record.name) is already stopped")
            }
            let number = try Signals.number(signal ?? record.stopSignal)
            let errors = await runStopHooks(record.id)
            publish(record, "kill", ["signal": String(number)])
            let interfaces = live[record.id]?.endpoints.map(\.hostInterface) ?? []
            stops.insert(record.id)
            await end(
                record.id, signal: number, graceSeconds: timeout ?? record.spec.stopTimeout ?? 10,
                explicit: timeout != nil || record.spec.stopTimeout != nil)
            stops.remove(record.id)
            await waitForInterfaces(interfaces, of: record.id)
            return errors
        }
    }

    /// The kernel removes interfaces a moment after their namespace. The client that stopped one container may look for them; when
    /// several stop at once, this does not wait.
    private func waitForInterfaces(_ interfaces: [String], of id: String) async {
        guard ending.isEmpty, !interfaces.isEmpty else { return }
        await waitForShimExit(id)
        for _ in 0..<60 where interfaces.contains(where: Bridges.exists) {
            try? await Task.sleep(for: .milliseconds(1))
        }
    }

    /// Stops a running container with a signal, and with SIGKILL after the grace period; returns when it is torn down.
    func end(_ id: String, signal: Int32, graceSeconds: Int, explicit: Bool = true) async {
        guard let running = live[id] else { return }
        ending.insert(id)
        defer { ending.remove(id) }
        if let record = containers[id], record.status.phase == .paused {
            try? cgroup(of: record).setFrozen(false)
        }
        let deaf = signal != 9 && Self.ignoresSignal(running.process.process, to: signal)
        if deaf {
            log.notice(
                "container \(containers[id]?.name ?? id): its main process neither handles nor blocks signal \(signal), so the kernel does not deliver it"
            )
        }
        try? Processes.signal(running.process.pidfd.raw, signal)
        // A signal that is not delivered gets no grace period, unless the user has set one.
        let grace = signal == 9 ? nil : graceSeconds < 0 ? nil : deaf && !explicit ? 0 : graceSeconds
        let killer = grace.map { seconds in
            Task { [log] in
                try? await Task.sleep(for: .seconds(seconds))
                guard !Task.isCancelled else { return }
                if let record = containers[id] { publish(record, "kill", ["signal": "9"]) }
                do throws(SyscallError) { try Processes.signal(running.process.pidfd.raw, 9) } catch {
                    if error.errno != Errno.noProcess { log.warning("kill: \(error)") }
                }
            }
        }
        let watcher = Task { await watchShim(of: id, running.process.process) }
        if live[id] != nil { _ = await waitForExit(id) }
        watcher.cancel()
        killer?.cancel()
    }

    /// A shim reaps its process at once. One that leaves a zombie for seconds is stopped or stuck and would be waited for forever: it is
    /// killed, which counts as the container's exit.
    private func watchShim(of id: String, _ process: Int32) async {
        var wasDead = false
        while true {
            do { try await Task.sleep(for: .seconds(5)) } catch { return }
            guard live[id] != nil, let status = try? Files.readText("/proc/\(process)/status", limit: 16384) else {
                return
            }
            func value(_ name: String) -> Substring? {
                status.split(separator: "\n").first { $0.hasPrefix(name) }?.dropFirst(name.count)
            }
            let isDead = value("State:\t")?.hasPrefix("Z") == true
            if isDead, wasDead, let shim = value("PPid:\t").flatMap({ Int32($0) }),
                (try? Files.readText("/proc/\(shim)/cmdline", limit: 4096))?.hasPrefix("roost-shim\0\(id)") == true
            {
                log.error("the shim of container \(containers[id]?.name ?? id) is not responding: killing it")
                try? Processes.signal(pid: shim, 9)
                return
            }
            wasDead = isDead
        }
    }

    /// The init process of a PID namespace gets only signals that it handles (pid_namespaces(7)); blocked ones stay pending.
    static func ignoresSignal(_ process: Int32, to signal: Int32) -> Bool {
        guard let text = try? Files.readText("/proc/\(process)/status", limit: 16384) else { return false }
        var mask: UInt64 = 0
        var inNamespace = false
        for line in text.split(separator: "\n") {
            // Ignoring a signal is the process's own choice: it gets the grace period.
            if ["SigCgt:", "SigBlk:", "SigIgn:"].contains(where: line.hasPrefix) {
                mask |= UInt64(line.split(separator: "\t").last.map { $0.drop { $0 == " " } } ?? "0", radix: 16) ?? 0
            }
            if line.hasPrefix("NSpid:") { inNamespace = line.split(whereSeparator: \.isWhitespace).count > 2 }
        }
        return inNamespace && mask & (1 << UInt64(signal - 1)) == 0
    }

    package func killContainer(_ reference: String, signal text: String) async throws {
        let record = try container(reference)
        let number = try Signals.number(text.isEmpty ? "KILL" : text)
        if live[record.id] == nil, let pending = pendingRestarts.removeValue(forKey: record.id) {
            // The container waits for a restart: that is cancelled.
            pending.cancel()
            update(record.id) { record in
                record.status.stoppedByUser = true
                record.status.phase = .exited
            }
            return publish(record, "kill", ["signal": String(number)])
        }
        guard let running = live[record.id] else {
            throw RoostError.conflict("cannot kill container: \(reference): container \(record.id) is not running")
        }
        publish(record, "kill", ["signal": String(number)])
        // As in Docker a user's kill is a user's stop, if its signal stops the container.
        if number == 9 || (try? Signals.number(record.stopSignal)) == number {
            update(record.id) { $0.status.stoppedByUser = true }
            ending.insert(record.id)
        }
        try? Processes.signal(running.process.pidfd.raw, number)
        // A frozen container gets the signal when it is thawed. Docker publishes no unpause then.
        if record.status.phase == .paused {
            try? cgroup(of: record).setFrozen(false)
            update(record.id) { $0.status.phase = .running }
        }
        if number == 9, live[record.id] != nil { _ = await waitForExit(record.id) }
        if number == 9 { ending.remove(record.id) }
    }

    /// Restarts a container. Returns the errors of its stop hooks.
    @discardableResult
    package func restartContainer(_ reference: String, timeout: Int?) async throws -> [String] {
        let record = try container(reference)
        return try await exclusively(record.id) {
            var errors: [String] = []
            pendingRestarts.removeValue(forKey: record.id)?.cancel()
            if live[record.id] != nil {
                let number = try Signals.number(record.stopSignal)
                errors = await runStopHooks(record.id)
                update(record.id) { $0.status.stoppedByUser = true }
                publish(record, "kill", ["signal": String(number)])
                stops.insert(record.id)
                await end(
                    record.id, signal: number, graceSeconds: timeout ?? record.spec.stopTimeout ?? 10,
                    explicit: timeout != nil || record.spec.stopTimeout != nil)
                stops.remove(record.id)
            }
            guard containers[record.id] != nil else { return errors }
            try await startNow(record.id)
            try await runStartHooks(record.id)
            publish(record, "restart")
            return errors
        }
    }

    package func setPaused(_ reference: String, _ paused: Bool) throws {
        let record = try container(reference)
        guard live[record.id] != nil else { throw RoostError.conflict("Container \(record.id) is not running") }
        if paused == (record.status.phase == .paused) {
            throw paused
                ? RoostError.conflict("Container \(record.id) is already paused")
                : RoostError.failure("Container \(record.id) is not paused")
        }
        try cgroup(of: record).setFrozen(paused)
        update(record.id) { $0.status.phase = paused ? .paused : .running }
        publish(record, paused ? "pause" : "unpause")
    }

    package func rename(_ reference: String, to name: String) throws {
        let record = try container(reference)
        let chosen = name.hasPrefix("/") ? String(name.dropFirst()) : name
        guard !chosen.isEmpty else { throw RoostError.invalid("Neither old nor new names may be empty") }
        guard Identifiers.isValidName(chosen) else {
            throw RoostError.invalid("Invalid container name (\(chosen)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        }
        if let owner = containers.values.first(where: { $0.name == chosen }) {
            if owner.id == record.id {
                throw RoostError.invalid("Renaming a container with the same name as its current name")
            }
            throw RoostError.conflict(
                "Error when allocating new name: Conflict. The container name \"/\(chosen)\" is already in use by container \"\(owner.id)\". You have to remove (or rename) that container to be able to reuse that name."
            )
        }
        update(record.id) { $0.name = chosen }
        rebuildNames()
        publish(record, "rename", ["oldName": "/\(record.name)", "name": chosen])
    }

    package func usage(_ reference: String) throws -> (record: ContainerRecord, usage: CgroupUsage) {
        let record = try container(reference)
        return (record, cgroup(of: record).usage())
    }

    package func processes(_ reference: String) throws -> [Int32] {
        let record = try container(reference)
        guard live[record.id] != nil else { throw RoostError.conflict("container \(record.id) is not running") }
        return cgroup(of: record).processes()
    }
}
