import EngineModel
import ImageBuild
import ImageStore
import LinuxKernel
import OCI
import Synchronization

/// One build: determines which stages are needed, builds independent ones at the same time, and tags the result.
struct BuildRun: Sendable {
    let engine: Engine
    let request: BuildRequest
    let context: BuildContext
    let dockerfile: Dockerfile
    let id: String
    /// The working directory of this build, removed when it ends.
    let workFolder: String
    let report: BuildReport
    let plan: StagePlan
    /// Seconds since 1970 that replace every timestamp (`SOURCE_DATE_EPOCH`).
    let epoch: Int64?
    /// The layers that may be used as cached steps; nil allows all.
    let cacheChains: Set<Digest>?
    let remoteCaches: [RemoteBuildCache]
    let used = UsedSteps()
    let departures = PendingTeardowns()

    /// The result of a stage.
    struct StageResult: Sendable {
        var image: StoredImage
        /// The stage does not change its base.
        var isBase = false
    }

    func run() async throws -> StoredImage {
        var tasks: [Int: Task<StageResult, any Error>] = [:]
        for index in plan.needed {
            let earlier = tasks
            let number = plan.firstStep[index] ?? 1
            tasks[index] = Task {
                let result = await Engine.outcome {
                    try await StageBuilder(run: self, index: index, firstStep: number, stages: earlier).build()
                }
                report.finish(index)
                return try result.get()
            }
        }
        return try await withTaskCancellationHandler {
            var failure: (any Error)?
            for index in plan.needed {
                guard let task = tasks[index] else { continue }
                do { _ = try await task.value } catch {
                    // The other stages are no longer needed.
                    if failure == nil, !(error is CancellationError) { failure = error }
                    for other in tasks.values { other.cancel() }
                }
            }
            report.flush()
            if let failure { throw failure }
            try Task.checkCancellation()
            guard let last = plan.needed.last, let task = tasks[last] else {
                throw RoostError.invalid("the Dockerfile has no stage", code: .dockerfileInvalid)
            }
            return try await finish(try await task.value)
        } onCancel: { [tasks] in
            for task in tasks.values { task.cancel() }
        }
    }

    /// Adds the request's labels, then stores and tags the image.
    private func finish(_ result: StageResult) async throws -> StoredImage {
        if request.onlyCached, result.isBase, request.labels.isEmpty { return result.image }
        if request.keepsImage, result.isBase, request.labels.isEmpty,
            let named = try await engine.name(result.image, request.tags)
        {
            return named
        }
        var image = result.image
        var runtime = image.configuration.config ?? .init()
        if !request.labels.isEmpty { runtime.labels = (runtime.labels ?? [:]).merging(request.labels) { $1 } }
        image.configuration.config = runtime
        if request.onlyCached {
            image.id = Digest(of: try ImageStore.encode(image.configuration))
            return image
        }
        if !request.keepsImage { return image }
        return try await engine.keepBuilt(image, as: request.tags)
    }
}

/// Removals of containers whose results are already in use: a build waits for all of them, but only at its end.
final class PendingTeardowns: Sendable {
    private let all = Mutex<[Task<Void, Never>]>([])

    func add(_ departure: @escaping @Sendable () async -> Void) {
        let task = Task { await departure() }
        all.withLock { $0.append(task) }
    }

    func wait() async { for task in all.withLock({ $0 }) { await task.value } }
}

/// The stages of a Dockerfile that a target needs, and the numbering of their steps.
struct StagePlan: Sendable {
    /// Stages by their index in the file, in order; the last one is the target.
    let needed: [Int]
    let firstStep: [Int: Int]
    let total: Int
    /// The base of each needed stage, with variables expanded.
    let bases: [Int: String]

    init(_ dockerfile: Dockerfile, target: String, global: BuildScope) throws {
        let stages = dockerfile.stages
        let last = try Self.find(target, stages) ?? stages.count - 1
        var bases: [Int: String] = [:]
        var needed: Set<Int> = []
        func need(_ index: Int) throws {
            guard needed.insert(index).inserted else { return }
            let stage = stages[index]
            let base: String
            do { base = try global.expansion(dockerfile.escape).word(stage.base) } catch {
                throw DockerfileError(stage.line, "failed to process \"\(stage.base)\": \(error)")
            }
            guard !base.isEmpty else {
                throw DockerfileError(stage.line, "base name (\(stage.base)) should not be blank")
            }
            bases[index] = base
            if let earlier = Self.earlier(base, index, stages) { try need(earlier) }
            for instruction in stage.instructions {
                for name in Self.sources(instruction) {
                    if let earlier = Self.earlier(name, index, stages) ?? Self.number(name, before: index) {
                        try need(earlier)
                    }
                }
            }
        }
        try need(last)
        self.needed = needed.sorted()
        self.bases = bases
        var step = 1
        var first: [Int: Int] = [:]
        for index in self.needed {
            first[index] = step
            step += 1 + stages[index].instructions.count
        }
        firstStep = first
        total = step - 1
    }

    private static func find(_ target: String, _ stages: [BuildStage]) throws -> Int? {
        if target.isEmpty { return nil }
        if let index = stages.firstIndex(where: { $0.name == target.lowercased() }) { return index }
        if let number = Int(target), stages.indices.contains(number) { return number }
        throw RoostError.invalid("target stage \"\(target)\" could not be found", code: .dockerfileInvalid)
    }

    /// An earlier stage by its name.
    static func earlier(_ name: String, _ index: Int, _ stages: [BuildStage]) -> Int? {
        stages[..<index].lastIndex { $0.name == name.lowercased() }
    }

    static func number(_ name: String, before index: Int) -> Int? {
        guard let number = Int(name), number >= 0, number < index else { return nil }
        return number
    }

    /// The stages or images from which an instruction copies or mounts files.
    private static func sources(_ instruction: Instruction) -> [String] {
        switch instruction.kind {
        case .copy(let copy): copy.from.map { [$0] } ?? []
        case .run(_, let mounts, _, _):
            mounts.flatMap { $0.split(separator: ",").filter { $0.hasPrefix("from=") }.map { String($0.dropFirst(5)) } }
        default: []
        }
    }
}

/// The variables visible to an instruction.
struct BuildScope: Sendable {
    /// ARG of this stage (or before the first FROM), by name.
    var arguments: [String: String] = [:]
    /// ENV, which overrides ARG.
    var environment: [String] = []

    func value(_ name: String) -> String? {
        for entry in environment.reversed() where entry.hasPrefix(name + "=") {
            return String(entry.dropFirst(name.count + 1))
        }
        return arguments[name]
    }

    func expansion(_ escape: Character) -> WordExpansion {
        let scope = self
        return WordExpansion(escape: escape) { scope.value($0) }
    }

    /// Arguments that every build has without ARG (Dockerfile reference, "Predefined ARGs").
    static let proxies = [
        "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy",
        "ALL_PROXY", "all_proxy",
    ]

    /// The platform's arguments, before the first FROM (Dockerfile reference, "Automatic platform ARGs in the global scope").
    static func platform(_ target: Descriptor.Platform) -> [String: String] {
        let build = Descriptor.Platform.host
        return [
            "TARGETPLATFORM": target.description, "TARGETOS": target.os, "TARGETARCH": target.architecture,
            "TARGETVARIANT": target.variant ?? "", "BUILDPLATFORM": build.description, "BUILDOS": build.os,
            "BUILDARCH": build.architecture, "BUILDVARIANT": build.variant ?? "",
        ]
    }
}
