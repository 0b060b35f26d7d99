import APIClient
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

extension Project {
    /// The project with an image name for every built service: its own, or one made of the project's and the service's name.
    func withImageNames() -> Project {
        var result = self
        for (name, service) in services where service["image"].isNull && !service["build"].isNull {
            result.services[name]?.set("image", .string(builtImageName(name)))
        }
        for (name, service) in buildBases where service["image"].isNull {
            result.buildBases[name]?.set("image", .string(builtImageName(name)))
        }
        return result
    }
}

extension Project {
    /// The project with seccomp profile paths replaced by their contents: the engine may be remote, and a changed profile must be detected.
    func withSecurityProfiles() throws -> Project {
        var result = self
        for (name, service) in services {
            guard let options = service["security_opt"].strings, options.contains(where: { $0.hasPrefix("seccomp") })
            else { continue }
            let expanded = try options.map { try SecurityFlag.expanded($0, in: workingDirectory) }
            result.services[name]?.set("security_opt", JSON(expanded))
        }
        return result
    }
}

/// Which images to pull and build before a project starts.
struct ImagePolicy {
    /// `--pull`: always, missing, never, or nil for each service's pull_policy.
    var pull: String?
    /// `--build`: do not try to pull images that can be built.
    var builds = false
    var neverBuilds = false
    var quiet = false
}

extension ProjectImages {
    /// Provides the images of all services to run: pulls missing images, and builds those whose sources have changed. A fully cached build
    /// takes next to no time.
    func prepare(_ policy: ImagePolicy) throws {
        if let rule = policy.pull, !["always", "missing", "never", "policy", "build", "if_not_present"].contains(rule) {
            throw RoostError.invalid("--pull \(rule): use always, missing, never or policy")
        }
        let client = try CommandContext.shared.client()
        var seen: Set<String> = []
        var stale: [String] = []
        var missing: [ParallelPull.Order] = []
        for service in services {
            guard let image = image(service), seen.insert(image).inserted, let definition = try project.service(service)
            else { continue }
            let isBuilt = definition.build != nil
            let own = definition.pullPolicy ?? ""
            let rule = policy.pull.map { $0 == "policy" ? own : $0 } ?? own
            var here = try? client.inspectImage(image)
            // An image for a platform other than the service's counts as missing.
            if let found = here, !isBuilt, let wanted = definition.platform,
                !Self.fits(found, platform: wanted)
            {
                here = nil
            }
            let isThere = here != nil
            if isBuilt {
                if policy.neverBuilds {
                    guard isThere else {
                        throw RoostError.missing(
                            "service \(service): image \(image) not found locally, and --no-build is set")
                    }
                    if let reason = staleness(service, here?.id ?? "") {
                        Output.error(
                            "note: service \(service) runs a stale image: \(reason); drop --no-build to rebuild it")
                    }
                    continue
                }
                let wantsPull = policy.pull == "always" && project.isNamed(service)
                if wantsPull, !policy.builds {
                    let order = ParallelPull.Order(
                        subject: service, image: image, platform: definition.platform)
                    // Build the image if it cannot be pulled.
                    if try ParallelPull(orders: [order], isQuiet: policy.quiet).run().isEmpty { continue }
                }
                if rule == "never", isThere { continue }
                stale.append(service)
            } else if try rule == "always" || (!isThere && rule != "never") || Self.isOld(here, rule) {
                missing.append(.init(subject: service, image: image, platform: definition.platform))
            } else if !isThere {
                throw RoostError.missing("service \(service): No such image: \(image); its pull policy is never")
            }
        }
        for order in try mountedImages(services) where seen.insert(order.image).inserted {
            let isThere = (try? client.inspectImage(order.image)) != nil
            if policy.pull == "always" || (!isThere && policy.pull != "never") { missing.append(order) }
        }
        if let (order, error) = try ParallelPull(orders: missing, isQuiet: policy.quiet).run().first {
            throw RoostError(error.kind, "service \(order.subject): \(error.message)")
        }
        try build(stale, BuildOverrides(quiet: policy.quiet), onlyShowsWork: true)
    }

    /// Whether an image matches `os/architecture[/variant]`; properties that the image does not specify match.
    private static func fits(_ image: ImageInspect, platform: String) -> Bool {
        let parts = platform.pathParts.map(String.init)
        let names = ["x86_64": "amd64", "aarch64": "arm64"]
        let found = [image.os, image.architecture, image.variant ?? ""]
        return zip(parts, found).allSatisfy { $1.isEmpty || (names[$0] ?? $0) == $1 }
    }

    /// Why a build of this service would not produce the local image; nil if it would, or if that is unknown.
    private func staleness(_ service: String, _ image: String) -> String? {
        do {
            var order = try order(service, BuildOverrides())
            order.tags = []
            order.cacheTo = []
            order.onlyCached = true
            let built = try order.run(try BuildDisplay("quiet", quiet: true))
            return built == image ? nil : "its build sources have changed"
        } catch let error as RoostError {
            return error.code == .notCached
                ? "its build sources have changed (\(error.message))" : nil
        } catch { return nil }
    }

    /// Whether an image was tagged longer ago than `daily`, `weekly` or `every_12h` allows.
    private static func isOld(_ image: ImageInspect?, _ rule: String) throws(RoostError) -> Bool {
        let periods = ["daily": "24h", "weekly": "168h"]
        guard let text = periods[rule] ?? (rule.hasPrefix("every_") ? String(rule.dropFirst(6)) : nil) else {
            return false
        }
        guard let period = TimeSpan.parse(text) else {
            throw .invalid("invalid pull_policy \(rule): use daily, weekly or every_<duration> (e.g. every_12h)")
        }
        guard let time = (image?.metadata.lastTagTime).flatMap({ Timestamp(parsing: $0) }) else { return true }
        return Clocks.wallNanoseconds() - time.nanoseconds > period
    }

    /// Builds services in dependency order of their builds.
    func build(_ overrides: BuildOverrides) throws {
        for name in services where !isBuilt(name) && !overrides.quiet && project.services.count == 1 {
            Output.error("service \(name) has no build section")
        }
        try build(services.filter(isBuilt), overrides, onlyShowsWork: false)
        if overrides.push { try push(ignoresFailures: false, quiet: overrides.quiet) }
    }

    /// Builds that do not depend on each other run in parallel.
    private func build(_ names: [String], _ overrides: BuildOverrides, onlyShowsWork: Bool) throws {
        var waiting: Set<String> = []
        var bases: [String: [String]] = [:]
        func need(_ name: String) throws {
            guard let service = try project.service(name), waiting.insert(name).inserted else { return }
            bases[name] = service.build?.services ?? []
            try bases[name]?.forEach(need)
        }
        try names.forEach(need)
        while !waiting.isEmpty {
            let ready = waiting.filter { name in
                (bases[name] ?? []).allSatisfy { !waiting.contains($0) }
            }.sorted()
            guard !ready.isEmpty else {
                throw RoostError.invalid(
                    "circular dependency between the builds of \(waiting.sorted().joined(separator: ", "))")
            }
            waiting.subtract(ready)
            let running = try ready.filter(isBuilt).map { name in
                let display = try BuildDisplay(
                    overrides.progress, quiet: overrides.quiet, prefix: services.count > 1 ? "\(name) " : "",
                    onlyShowsWork: onlyShowsWork)
                return (name: name, display: display, exchange: try order(name, overrides).open())
            }
            for (name, display, exchange) in running {
                do {
                    _ = try display.follow(exchange)
                } catch let error as RoostError {
                    throw RoostError(
                        error.kind, services.count > 1 ? "service \(name): \(error.message)" : error.message)
                }
            }
        }
    }

    private func order(_ name: String, _ overrides: BuildOverrides) throws -> BuildOrder {
        let service = try project.service(name) ?? Service()
        let build = service.build ?? ComposeModel.Build()
        var order = BuildOrder()
        let context = build.context ?? ""
        order.context = context.isEmpty ? project.workingDirectory : context
        order.dockerfileText = build.inlineDockerfile
        if order.dockerfileText == nil, let file = build.dockerfile {
            order.dockerfile = file.hasPrefix("/") || order.context.contains("://") ? file : order.context + "/" + file
        }
        order.tags = [service.image ?? ""] + (build.tags ?? [])
        order.arguments =
            (build.arguments ?? [:]).map { ($0.key, $0.value ?? environmentVariable($0.key)) } + overrides.arguments
        order.labels = (build.labels ?? [:]).map { ($0.key, $0.value ?? "") }
        order.target = build.target
        order.platform = service.platform ?? build.platforms?.first
        order.noCache = overrides.noCache || build.noCache == true
        order.cacheFrom = build.cacheFrom ?? []
        order.cacheTo = build.cacheTo ?? []
        order.noCacheFilter = build.noCacheFilter ?? []
        order.pull = overrides.pull || build.pull == true
        order.network = build.network
        order.allowed = build.entitlements ?? []
        order.extraHosts = (build.extraHosts ?? []).map { $0.replacingFirst("=", with: ":") }
        order.sharedMemory = build.sharedMemorySize
        order.agentSockets = try Build.agents(build.agents ?? [])
        order.ulimits = (build.ulimits ?? [:]).map { name, limit in
            Ulimit(UlimitSpec(name: name, soft: limit.soft, hard: limit.hard))
        }
        order.secrets = try (build.secrets ?? []).compactMap(secret)
        order.contexts = try (build.additionalContexts ?? [:]).map { key, value in
            let text = value ?? ""
            guard text.hasPrefix("service:") else { return (key, text) }
            let other = String(text.dropFirst(8))
            return (key, "docker-image://" + (try project.service(other)?.image ?? other))
        }
        return order
    }

    /// A secret of a build with its content; nil for one without a file or a variable.
    private func secret(_ reference: FileReference) throws -> (id: String, bytes: [UInt8])? {
        let source = reference.source ?? ""
        let definition = try project.secret(source) ?? FileSource()
        let id = reference.target.flatMap { $0.isEmpty ? nil : $0 } ?? source
        if let path = definition.file { return (id, try Files.read(path, limit: 1 << 20)) }
        return definition.environment.map { (id, Array((environmentVariable($0) ?? "").utf8)) }
    }
}

extension Project {
    /// Whether the Compose file sets the service's image.
    fileprivate func isNamed(_ service: String) -> Bool {
        services[service]?["image"].string != builtImageName(service)
    }
}

extension String {
    fileprivate func replacingFirst(_ one: Character, with other: Character) -> String {
        guard let index = firstIndex(of: one) else { return self }
        var text = self
        text.replaceSubrange(index...index, with: String(other))
        return text
    }
}
