import ContainerRuntime
import EngineModel
import LinuxKernel

extension Engine {
    /// Runs a container that prepares a service (`pre_start`) to its end, and removes it whatever that end is.
    func prepare(_ name: String, _ spec: ContainerSpec) async throws {
        // One that was cut off by the death of an engine.
        if containers.values.contains(where: { $0.name == name }) {
            try await removeContainer(name, force: true, volumes: .remove)
        }
        let record = try await createContainer(spec, name: name).record
        do {
            let end = try exitSignal(record.id, .nextExit)
            try await startContainer(record.id)
            var code: Int32 = 137
            for await value in end { code = value }
            guard code == 0 else {
                let said = lastLines(record.id)
                throw RoostError.failure(
                    "pre_start ended with \(code)\(said.isEmpty ? "" : "; its last lines:\n\(said)")")
            }
        } catch {
            try? await removeContainer(record.id, force: true, volumes: .remove)
            throw error
        }
        try await removeContainer(record.id, force: true, volumes: .remove)
    }

    /// Runs the programs that a service wants after its start; the first that fails ends it.
    func runStartHooks(_ id: String) async throws {
        guard let record = containers[id] else { return }
        for hook in record.spec.startHooks {
            do { try await run(hook, of: record, moment: "post_start") } catch {
                // A command that is run once may have done its work before its hooks came to theirs.
                if record.isOneOff, await isEnding(id) { return }
                throw error
            }
        }
    }

    /// Whether a container has ended or is about to: a process that is leaving has no namespaces any more but is still there.
    private func isEnding(_ id: String) async -> Bool {
        for _ in 0..<20 {
            guard let running = live[id], !Processes.hasEnded(running.process.pidfd.raw) else { return true }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    /// Runs the programs that a service wants before its stop. A stop goes on whatever they do.
    func runStopHooks(_ id: String) async {
        guard let record = containers[id], live[id] != nil, record.status.phase == .running else { return }
        for hook in record.spec.stopHooks {
            do { try await run(hook, of: record, moment: "pre_stop") } catch { log.warning("\(error)") }
        }
    }

    private func run(_ hook: HookSpec, of record: ContainerRecord, moment: String) async throws {
        var request = LaunchPlanBuilder.ExecRequest(arguments: hook.command)
        request.environment = hook.environment
        request.user = hook.user.isEmpty ? nil : hook.user
        request.workingDirectory = hook.workingDirectory.isEmpty ? nil : hook.workingDirectory
        request.privileged = hook.privileged
        let exec = try createExec(record.id, request, attachesInput: false)
        let streams = try await startExec(exec)
        let output = await drain(streams, limit: 4096)
        let code = try await waitExec(exec)
        execs[exec] = nil
        guard code != 0 else { return }
        let last = String(decoding: output, as: UTF8.self).split(separator: "\n").last.map { ": \($0)" } ?? ""
        throw RoostError.failure(
            "container \(record.name): \(moment) hook \"\(hook.command.joined(separator: " "))\" ended with \(code)\(last)"
        )
    }

    /// Reads what a program writes until its end, both streams, and keeps the first bytes.
    func drain(_ streams: ExecStreams, limit: Int) async -> [UInt8] {
        async let output = readBounded(streams.output, limit: limit)
        async let error = readBounded(streams.error, limit: limit)
        return Array((await output + (await error)).prefix(limit))
    }

    private nonisolated func readBounded(_ file: OwnedFD?, limit: Int) async -> [UInt8] {
        guard let file else { return [] }
        try? setNonBlocking(file.raw)
        var kept: [UInt8] = []
        while true {
            do throws(SyscallError) {
                let part = try readSome(file.raw, limit: 16384)
                if part.isEmpty { return kept }
                kept += part.prefix(max(0, limit - kept.count))
            } catch {
                guard error.errno == Errno.again else { return kept }
                await waitReadable(file)
            }
        }
    }
}
