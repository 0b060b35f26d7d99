import ContainerRuntime
import EngineModel
import LinuxKernel
import Logging

extension Engine {
    /// Runs a container that prepares a service (`pre_start`) until it exits, and removes it whatever the outcome.
    func prepare(_ name: String, _ spec: ContainerSpec) async throws {
        // Left by an engine that exited before removing it.
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
                let output = await lastLines(record.id)
                throw RoostError.failure(
                    "pre_start exited with code \(code)\(output.isEmpty ? "" : "; its last lines:\n\(output)")")
            }
        } catch {
            try? await removeContainer(record.id, force: true, volumes: .remove)
            throw error
        }
        try await removeContainer(record.id, force: true, volumes: .remove)
    }

    /// Runs a service's `post_start` hooks in order, up to the first that fails.
    func runStartHooks(_ id: String) async throws {
        guard let record = containers[id] else { return }
        for hook in record.spec.startHooks {
            do { try await run(hook, of: record) } catch {
                // A one-off container may have done its work and exited before its hooks ran.
                if record.isOneOff, await isEnding(id) { return }
                throw error
            }
        }
    }

    /// Whether a container has exited or is about to: an exiting process has lost its namespaces but still exists.
    private func isEnding(_ id: String) async -> Bool {
        for _ in 0..<20 {
            guard let running = live[id], !Processes.hasEnded(running.process.pidfd.raw) else { return true }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    /// Runs a service's `pre_stop` hooks and returns their errors; the stop continues regardless.
    func runStopHooks(_ id: String) async -> [String] {
        guard let record = containers[id], live[id] != nil, record.status.phase == .running else { return [] }
        var errors: [String] = []
        for hook in record.spec.stopHooks {
            do { try await run(hook, of: record) } catch {
                log.warning("container \(record.name): pre_stop: \(error)")
                errors.append("\(error)")
            }
        }
        return errors
    }

    private func run(_ hook: HookSpec, of record: ContainerRecord) async throws {
        var request = LaunchPlanBuilder.ExecRequest(arguments: hook.command)
        request.environment = hook.environment
        request.user = hook.user.isEmpty ? nil : hook.user
        request.workingDirectory = hook.workingDirectory.isEmpty ? nil : hook.workingDirectory
        request.privileged = hook.privileged
        let exec = try createExec(record.id, request, attachesInput: false)
        let streams = try await startExec(exec)
        let output = await drain(streams, of: exec, limit: 4096)
        let code = try await waitExec(exec)
        execs[exec] = nil
        guard code != 0 else { return }
        let last = String(decoding: output, as: UTF8.self).split(separator: "\n").last.map { ": \($0)" } ?? ""
        // Compose's text, with the last line of the hook's output.
        let service = record.spec.labels[ComposeLabel.service] ?? record.name
        throw RoostError.failure("\(service) hook exited with status \(code)\(last)")
    }

    /// How long an exec's children that keep its output open are waited for after its exit, as in Docker.
    static let outputGrace = Duration.seconds(2)

    /// Reads both output streams of an exec to their end and keeps the first `limit` bytes; returns early if the task is cancelled.
    func drain(_ streams: ExecStreams, of exec: String, limit: Int) async -> [UInt8] {
        let reading = Task {
            async let output = self.readBounded(streams.output, limit: limit)
            async let error = self.readBounded(streams.error, limit: limit)
            return Array((await output + (await error)).prefix(limit))
        }
        let ending = Task {
            await outputGraceEnd(of: exec)
            reading.cancel()
        }
        let bytes = await withTaskCancellationHandler {
            await reading.value
        } onCancel: {
            reading.cancel()
        }
        ending.cancel()
        discard(streams)
        return bytes
    }

    /// Returns two seconds after an exec's exit, or when the task is cancelled.
    package func outputGraceEnd(of exec: String) async {
        _ = try? await waitExec(exec)
        try? await Task.sleep(for: Self.outputGrace)
    }

    /// Reads and discards further output: children that still write must neither block nor be killed by SIGPIPE.
    package nonisolated func discard(_ streams: ExecStreams) {
        for file in [streams.output, streams.error].compactMap({ $0 }) {
            Task { _ = await readBounded(file, limit: 0) }
        }
    }

    private nonisolated func readBounded(_ file: OwnedFD?, limit: Int) async -> [UInt8] {
        guard let file else { return [] }
        try? setNonBlocking(file.raw)
        var kept: [UInt8] = []
        while !Task.isCancelled {
            do throws(SyscallError) {
                let part = try readSome(file.raw, limit: 16384)
                if part.isEmpty { return kept }
                kept += part.prefix(max(0, limit - kept.count))
            } catch {
                guard error.errno == Errno.again else { return kept }
                await waitReadable(file)
            }
        }
        return kept
    }
}
