import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import LinuxKernel
import Synchronization
import Terminal

/// Shows the progress of a build: on a terminal one line per step with its latest output, otherwise every line. The output of a failed step
/// is shown in full.
final class BuildDisplay {
    enum Mode { case live, plain, quiet, json }

    private let mode: Mode
    private let prefix: String
    private let progress = ProgressDisplay()
    private var titles: [Int: String] = [:]
    private var outputs: [Int: [String]] = [:]
    private var open: [Int: String] = [:]
    private var failedStep = 0
    /// Number of steps that were run, not cached.
    private(set) var work = 0

    /// Events held back until a step runs: a fully cached build shows nothing.
    private var held: [BuildEventMessage]?

    init(_ name: String?, quiet: Bool, prefix: String = "", onlyShowsWork: Bool = false) throws(RoostError) {
        self.prefix = prefix
        held = onlyShowsWork ? [] : nil
        if quiet {
            mode = .quiet
            return
        }
        let general = Presentation.current.withLock { $0.progress }
        let chosen = general == .auto ? nil : general == .json ? "rawjson" : general.rawValue
        switch name ?? chosen ?? environmentVariable("BUILDKIT_PROGRESS") ?? "auto" {
        case "auto", "": mode = Presentation.redraws(2) ? .live : .plain
        case "tty": mode = .live
        case "plain": mode = .plain
        case "quiet": mode = .quiet
        case "rawjson": mode = .json
        case let other: throw .invalid("invalid progress \"\(other)\": use auto, plain, tty, quiet or rawjson")
        }
    }

    /// Exit code of the command of the failed step, if the build failed because of it.
    private(set) var failureCode: Int32?

    func follow(_ answer: HTTPExchange) throws -> String {
        var id = ""
        while let json = try answer.nextLine(every: 100, { progress.tick() }) {
            if mode == .json { Output.error(json.text()) }
            let line = try json.decode(BuildEventMessage.self, zeroIfAbsent: true)
            if let message = line.error {
                release()
                showFailure()
                failureCode = line.errorDetail?.code
                throw RoostError(.failure, message, code: line.code.flatMap(RoostError.Code.init))
            }
            if let found = line.aux?.id { id = found }
            if held != nil, isWork(line) { release() }
            if held == nil { show(line) } else { held?.append(line) }
        }
        guard !id.isEmpty else {
            throw RoostError(
                .unavailable,
                "lost the connection to the engine during the build; run the command again, finished steps are cached")
        }
        return id
    }

    private func release() {
        let lines = held ?? []
        held = nil
        for line in lines { show(line) }
    }

    /// Whether an event reports work that was done, rather than a cached step.
    private func isWork(_ line: BuildEventMessage) -> Bool {
        switch line.event {
        case .running, .transfer, .output: return true
        case .finished:
            let last = (held ?? []).last { $0.step == line.step }
            guard last?.event == .began else { return false }
            let word = (last?.text ?? "").prefix { !$0.isWhitespace }.uppercased()
            return word == "COPY" || word == "ADD"
        case .began, .cached, .triggers, .removed, .warning, nil: return false
        }
    }

    private func show(_ line: BuildEventMessage) {
        let step = line.step ?? 0
        switch line.event {
        case .began: begin(step, line)
        case .cached: end(step, "CACHED")
        case .finished:
            if let title = titles[step], open[step] != "done" { end(step, title.contains(" RUN ") ? "DONE" : "done") }
        case .running: work += 1
        case .output: showOutput(step, line.text ?? "")
        case .transfer:
            if mode == .live { progress.update(label(step), line.text ?? "", .working) }
            if mode == .plain { Output.error("\(prefix)#\(step) \(line.text ?? "")") }
        case .warning: if mode != .quiet { Output.error(line.text ?? "") }
        case .triggers, .removed, nil: break
        }
    }

    private func begin(_ step: Int, _ line: BuildEventMessage) {
        failedStep = step
        let stage = line.stage ?? ""
        // Join continued lines: drop the trailing backslashes.
        let words = (line.text ?? "").split(whereSeparator: \.isWhitespace).filter { $0 != "\\" }
            .joined(separator: " ")
        titles[step] = "[\(stage.isEmpty ? "" : stage + " ")\(step)/\(line.total ?? 0)] \(words)"
        if mode == .live { progress.update(label(step), "", .working) }
        if mode == .plain { Output.error("\(prefix)#\(step) \(titles[step] ?? "")") }
    }

    private func showOutput(_ step: Int, _ text: String) {
        failedStep = step
        outputs[step, default: []].append(text)
        let last = text.split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
        if mode == .live, !last.isEmpty { progress.update(label(step), last, .working) }
        if mode == .plain { for part in text.split(separator: "\n") { Output.error("\(prefix)#\(step) \(part)") } }
    }

    private func label(_ step: Int) -> String { prefix + shortened(titles[step] ?? "#\(step)", 60) }

    private func end(_ step: Int, _ word: String) {
        guard open[step] != "done" else { return }
        open[step] = "done"
        if mode == .live { progress.update(label(step), word == "done" ? "" : word, .done) }
        if mode == .plain { Output.error("\(prefix)#\(step) \(word == "done" ? "DONE" : word)") }
    }

    private func showFailure() {
        if mode == .live {
            progress.update(label(failedStep), "failed", .failed)
            Output.error("------\n > \(titles[failedStep] ?? ""):")
            Output.error((outputs[failedStep] ?? []).joined() + "------")
        } else if mode == .quiet {
            Output.error((outputs[failedStep] ?? []).joined())
        }
    }
}
