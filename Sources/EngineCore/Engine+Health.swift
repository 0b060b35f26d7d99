import ContainerRuntime
import EngineModel
import LinuxKernel

/// The health of a container: a state machine over probe results, without a clock of its own.
struct HealthMonitor: Sendable {
    let check: HealthcheckSpec
    let startedAt: Int64
    private(set) var status = HealthStatus()

    init(check: HealthcheckSpec, startedAt: Int64, status: HealthStatus = HealthStatus()) {
        self.check = check
        self.startedAt = startedAt
        self.status = status
    }

    /// Records a probe's result; returns whether the verdict has changed.
    mutating func probed(_ probe: HealthStatus.Probe) -> Bool {
        let before = status.verdict
        status.probes = Array((status.probes + [probe]).suffix(5))
        if probe.exitCode == 0 {
            status.failingStreak = 0
            status.verdict = .healthy
        } else if status.verdict == .starting, probe.start - startedAt < check.startPeriod {
            // Failures in the start period do not count (Dockerfile reference, HEALTHCHECK --start-period).
        } else {
            status.failingStreak += 1
            if status.failingStreak >= check.retries { status.verdict = .unhealthy }
        }
        return status.verdict != before
    }

    /// Nanoseconds until the next probe. In the starting phase probes are early and frequent: a success counts at once, a failure only as
    /// often as Docker would count it.
    func delay(attempt: Int) -> Int64 {
        guard status.verdict == .starting else { return check.interval }
        let early = Int64(50_000_000) << Int64(min(attempt, 10))
        return min(early, check.interval, max(check.startInterval, 1_000_000))
    }
}

extension Engine {
    func startHealthChecks(_ id: String) {
        guard let record = containers[id], let check = record.healthcheck else { return }
        healthTasks[id]?.cancel()
        healthTasks[id] = Task { [weak self] in await self?.checkHealth(id, check, startedAt: record.status.startedAt) }
    }

    private func checkHealth(_ id: String, _ check: HealthcheckSpec, startedAt: Int64) async {
        var judge = HealthMonitor(
            check: check, startedAt: startedAt, status: containers[id]?.status.health ?? HealthStatus())
        var attempt = 0
        // Saturates: the interval may be longer than the remaining range of time.
        func next(after time: Int64) -> Int64 {
            let (sum, overflow) = time.addingReportingOverflow(check.interval)
            return overflow ? .max : sum
        }
        var countsFrom = next(after: startedAt)
        while !Task.isCancelled {
            try? await Task.sleep(for: .nanoseconds(judge.delay(attempt: attempt)))
            attempt += 1
            guard !Task.isCancelled, live[id] != nil else { return }
            if containers[id]?.status.phase == .paused { continue }
            let probe = await probe(id, check)
            guard !Task.isCancelled, live[id] != nil else { return }
            // An early failure does not count: Docker would not have probed yet.
            if probe.exitCode != 0, judge.status.verdict == .starting {
                guard probe.end >= countsFrom else { continue }
                countsFrom = next(after: probe.end)
            }
            let changed = judge.probed(probe)
            let status = judge.status
            update(id) { $0.status.health = status }
            if changed, let record = containers[id] { publish(record, "health_status: \(status.verdict.rawValue)") }
        }
    }

    /// Runs one probe: the test's command in the container, with a timeout.
    private func probe(_ id: String, _ check: HealthcheckSpec) async -> HealthStatus.Probe {
        let start = now
        var arguments = Array(check.test.dropFirst())
        if check.test.first == "CMD-SHELL" { arguments = ["/bin/sh", "-c", arguments.joined(separator: " ")] }
        do {
            let exec = try createExec(id, .init(arguments: arguments), attachesInput: false)
            let streams = try await startExec(exec)
            let reading = Task { await drain(streams, of: exec, limit: 4096) }
            let timer = Task {
                try await Task.sleep(for: .nanoseconds(check.timeout))
                // As in Docker its children are not killed; they may keep the output open, which is not waited for.
                try? Processes.signal(streams.pidfd.raw, 9)
                reading.cancel()
                return true
            }
            let output = String(decoding: await reading.value, as: UTF8.self)
            let code = try await waitExec(exec)
            timer.cancel()
            let timedOut = (try? await timer.value) == true
            execs[exec] = nil
            let notice = "Health check exceeded timeout (\(TimeSpan.text(check.timeout)))"
            let text = timedOut ? output.isEmpty ? notice : "\(notice): \(output)" : output
            return .init(start: start, end: now, exitCode: timedOut ? -1 : code, output: text)
        } catch { return .init(start: start, end: now, exitCode: -1, output: "\(error)") }
    }
}
