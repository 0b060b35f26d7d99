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
        let client = try Session.shared.client()
        var seen: Set<String> = []
        var stale: [String] = []
        var missing: [ParallelPull.Order] = []
        for service in services {
            guard let definition = project.services[service], let image = definition["image"].string,
                seen.insert(image).inserted
            else { continue }
            let isBuilt = !definition["build"].isNull
            let own = definition["pull_policy"].string ?? ""
            let rule = policy.pull.map { $0 == "policy" ? own : $0 } ?? own
            var here = try? client.inspectImage(image)
            // An image for a platform other than the service's counts as missing.
            if let found = here, !isBuilt, let wanted = definition["platform"].string,
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
                let wantsPull = policy.pull == "always" && !definition["image"].isNull && project.isNamed(service)
                if wantsPull, !policy.builds {
                    let order = ParallelPull.Order(
                        subject: service, image: image, platform: definition["platform"].string)
                    // Build the image if it cannot be pulled.
                    if try ParallelPull(orders: [order], isQuiet: policy.quiet).run().isEmpty { continue }
                }
                if rule == "never", isThere { continue }
                stale.append(service)
            } else if try rule == "always" || (!isThere && rule != "never") || Self.isOld(here, rule) {
                missing.append(.init(subject: service, image: image, platform: definition["platform"].string))
            } else if !isThere {
                throw RoostError.missing("service \(service): No such image: \(image); its pull policy is never")
            }
        }
        for order in mountedImages(services) where seen.insert(order.image).inserted {
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
        func need(_ name: String) {
            guard project.definition(name) != nil, waiting.insert(name).inserted else { return }
            Self.otherServices(project.definition(name)?["build"] ?? .null).forEach(need)
        }
        names.forEach(need)
        while !waiting.isEmpty {
            let ready = waiting.filter { name in
                Self.otherServices(project.definition(name)?["build"] ?? .null).allSatisfy { !waiting.contains($0) }
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

    /// The services that a build depends on: `additional_contexts: { base: "service:base" }`.
    private static func otherServices(_ build: JSON) -> [String] {
        (build["additional_contexts"].object ?? []).compactMap { _, value in
            value.string.flatMap { $0.hasPrefix("service:") ? String($0.dropFirst(8)) : nil }
        }
    }

    private func order(_ name: String, _ overrides: BuildOverrides) throws -> BuildOrder {
        let service = project.definition(name) ?? .null
        let build = service["build"]
        var order = BuildOrder()
        let context = build["context"].string ?? ""
        order.context = context.isEmpty ? project.workingDirectory : context
        order.dockerfileText = build["dockerfile_inline"].string
        if order.dockerfileText == nil, let file = build["dockerfile"].string {
            order.dockerfile = file.hasPrefix("/") || order.context.contains("://") ? file : order.context + "/" + file
        }
        order.tags = [service["image"].string ?? ""] + (build["tags"].strings ?? [])
        order.arguments =
            (build["args"].object ?? []).map { ($0.key, $0.value.string ?? environmentVariable($0.key)) }
            + overrides.arguments
        order.labels = (build["labels"].object ?? []).map { ($0.key, $0.value.string ?? "") }
        order.target = build["target"].string
        order.platform = service["platform"].string ?? build["platforms"].strings?.first
        order.noCache = overrides.noCache || build["no_cache"].bool == true
        order.cacheFrom = build["cache_from"].strings ?? []
        order.cacheTo = build["cache_to"].strings ?? []
        order.noCacheFilter = build["no_cache_filter"].strings ?? []
        order.pull = overrides.pull || build["pull"].bool == true
        order.network = build["network"].string
        order.allowed = build["entitlements"].strings ?? []
        order.extraHosts = (build["extra_hosts"].strings ?? []).map { $0.replacingFirst("=", with: ":") }
        order.sharedMemory = build["shm_size"].int ?? build["shm_size"].string.flatMap { Int64($0) }
        order.agentSockets = try Build.agents(build["ssh"].strings ?? [])
        order.ulimits = (build["ulimits"].object ?? []).map { key, value in
            Ulimit(
                UlimitSpec(
                    name: key, soft: (value["soft"].isNull ? value : value["soft"]).int ?? 0,
                    hard: (value["hard"].isNull ? value : value["hard"]).int ?? 0))
        }
        for item in build["secrets"].array ?? [] {
            let source = item["source"].string ?? ""
            let definition = project.secrets[source] ?? .null
            let id = item["target"].string.flatMap { $0.isEmpty ? nil : $0 } ?? source
            if let path = definition["file"].string {
                order.secrets.append((id, try Files.read(path, limit: 1 << 20)))
            } else if let variable = definition["environment"].string {
                order.secrets.append((id, Array((environmentVariable(variable) ?? "").utf8)))
            }
        }
        order.contexts = (build["additional_contexts"].object ?? []).map { key, value in
            let text = value.string ?? ""
            guard text.hasPrefix("service:") else { return (key, text) }
            let other = String(text.dropFirst(8))
            return (key, "docker-image://" + (project.definition(other)?["image"].string ?? other))
        }
        return order
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
