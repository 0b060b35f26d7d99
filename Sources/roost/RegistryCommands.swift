import APIClient
import ArgumentParser
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

/// Shows the engine's progress messages while an image is pulled or pushed.
enum TransferDisplay {
    /// Reads the stream to its end. Returns the last status and the digest of the image, if there is one.
    static func follow(_ answer: HTTPExchange, quiet: Bool, toErrors: Bool = false) throws -> (
        status: String, digest: String?
    ) {
        let show: (String) -> Void = { toErrors ? Output.error($0) : Output.line($0) }
        let progress = ProgressDisplay()
        let isLive = Terminals.isTerminal(1) && Presentation.redraws(2)
        var meter = TransferMeter()
        var last = ""
        var digest: String?
        while let line = try answer.next(ProgressMessage.self) {
            if let message = line.error { throw RoostError(.failure, message) }
            if let found = line.aux?.digest { digest = found }
            guard let status = line.status else { continue }
            if let found = status.split(separator: " ").last, status.hasPrefix("Digest: ") { digest = String(found) }
            if quiet { continue }
            guard let id = line.id, !status.hasPrefix("Pulling from") else {
                let head = status.hasPrefix("Pulling from") ? "\(line.id ?? ""): " : ""
                show(head + status)
                last = status
                continue
            }
            let total = line.progressDetail?.total ?? 0
            if isLive {
                let ended =
                    ["Pull complete", "Already exists", "Pushed", "Layer already exists"].contains(status)
                    || status.hasPrefix("Mounted")
                meter.record(id, line.progressDetail, at: Clocks.monotonicNanoseconds())
                if ended || status.hasSuffix("complete") { meter.complete(id) }
                progress.headline = meter.summary
                let bar = line.progress.map { " " + $0 } ?? ""
                progress.update(id, status + bar, ended ? .done : .working)
            } else if total == 0 {
                // Not a terminal: print each status once, without progress bars.
                show("\(id): \(status)")
            }
        }
        return (last, digest)
    }

    static func headers(_ domain: String) throws -> [(String, String)] {
        guard let value = try DockerConfiguration.load().authorization(domain) else { return [] }
        return [("X-Registry-Auth", value)]
    }

    /// The registry in an image name; `docker.io` if the name has none.
    static func domain(_ image: String) -> String {
        guard let first = image.pathParts.first, image.contains("/"),
            first.contains(".") || first.contains(":") || first == "localhost"
        else { return "docker.io" }
        return String(first)
    }

    static func pull(
        _ image: String, platform: String? = nil, allTags: Bool = false, quiet: Bool = false,
        toErrors: Bool = false
    ) throws -> String? {
        let answer = try CommandContext.shared.client().open(
            "POST", "images/create", query(image, platform: platform, allTags: allTags),
            headers: try headers(domain(image)))
        return try follow(answer, quiet: quiet, toErrors: toErrors).digest
    }

    static func query(_ image: String, platform: String?, allTags: Bool = false) -> [(String, String)] {
        var query = [("fromImage", image)]
        let last = image.pathParts.last ?? ""
        if !allTags, !last.contains(":"), !last.contains("@") { query.append(("tag", "latest")) }
        if let platform = platform ?? environmentVariable("DOCKER_DEFAULT_PLATFORM"), !platform.isEmpty {
            query.append(("platform", platform))
        }
        return query
    }

    /// The fully qualified image name, which `pull` and `push` print at the end.
    static func full(_ image: String) -> String {
        var name = image
        if domain(image) == "docker.io", !image.hasPrefix("docker.io/") {
            name = "docker.io/" + (image.contains("/") ? "" : "library/") + image
        }
        return name.pathParts.last?.contains(where: { $0 == ":" || $0 == "@" }) == true
            ? name : name + ":latest"
    }
}

struct Pull: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "Download an image from a registry, or the images of services (compose)",
        discussion: """
            Examples:
              roost pull redis:7
              roost pull --platform linux/arm64 registry.example:5000/team/app@sha256:…
              roost compose pull
            """)
    @Flag(name: [.short, .long], help: "Download all tagged images in the repository") var allTags = false
    @Option(name: .long, help: ArgumentHelp("Platform of the image (default: the engine's)", valueName: "string"))
    var platform: String?
    @Flag(name: [.short, .long], help: "Suppress verbose output") var quiet = false
    @Flag(name: .long, help: "Ignore images that can be built (compose)") var ignoreBuildable = false
    @Flag(name: .long, help: "Pull what it can and ignore images with pull failures (compose)")
    var ignorePullFailures = false
    @Flag(name: .long, help: "Also pull services declared as dependencies (compose)") var includeDeps = false
    @Option(name: .long, help: ArgumentHelp("Apply pull policy: missing or always (compose)", valueName: "string"))
    var policy: String?
    @Flag(name: .long, help: .hidden) var disableContentTrust = false
    @Argument(help: ArgumentHelp("Image (compose: services)", valueName: "image")) var names: [String] = []

    func run() throws {
        if CommandContext.shared.isCompose || names.isEmpty {
            return try ProjectImages(services: names, withDependencies: includeDeps).pull(
                policy: policy, skipBuildable: ignoreBuildable, ignoresFailures: ignorePullFailures, quiet: quiet)
        }
        guard names.count == 1, let name = names.first else {
            throw RoostError.invalid("\"roost pull\" requires exactly 1 argument; got \(names.count)")
        }
        _ = try TransferDisplay.pull(name, platform: platform, allTags: allTags, quiet: quiet)
        Output.line(allTags ? name : TransferDisplay.full(name))
    }
}

struct Push: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push", abstract: "Upload an image to a registry, or the images of services (compose)",
        discussion: """
            Examples:
              roost tag app registry.example:5000/team/app:1.2 && roost push registry.example:5000/team/app:1.2
              roost compose push web
            """)
    @Flag(name: [.short, .long], help: "Push all tags of an image to the registry") var allTags = false
    @Flag(name: [.short, .long], help: "Suppress verbose output") var quiet = false
    @Flag(name: .long, help: "Push what it can and ignore images with push failures (compose)")
    var ignorePushFailures = false
    @Flag(name: .long, help: .hidden) var disableContentTrust = false
    @Flag(name: .long, help: "Also push images of services declared as dependencies (compose)") var includeDeps = false
    @Argument(help: ArgumentHelp("Image (compose: services)", valueName: "image")) var names: [String] = []

    func run() throws {
        if CommandContext.shared.isCompose || names.isEmpty {
            return try ProjectImages(services: names, withDependencies: includeDeps).push(
                ignoresFailures: ignorePushFailures, quiet: quiet)
        }
        guard names.count == 1, let name = names.first else {
            throw RoostError.invalid("\"roost push\" requires exactly 1 argument; got \(names.count)")
        }
        try Self.push(name, allTags: allTags, quiet: quiet)
        if quiet { Output.line(TransferDisplay.full(name)) }
    }

    static func push(_ name: String, allTags: Bool = false, quiet: Bool) throws {
        var query: [(String, String)] = []
        let last = name.pathParts.last ?? ""
        if !allTags, !last.contains(":") { query.append(("tag", "latest")) }
        let headers = try TransferDisplay.headers(TransferDisplay.domain(name))
        let answer = try CommandContext.shared.client().open(
            "POST", "images/\(name)/push", query, headers: headers.isEmpty ? [("X-Registry-Auth", "e30=")] : headers)
        _ = try TransferDisplay.follow(answer, quiet: quiet)
    }
}

struct Login: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Log in to a registry; the login is shared with Docker's clients",
        discussion: "Example: roost login -u me --password-stdin registry.example < secret")
    @Option(name: [.short, .long], help: ArgumentHelp("Username", valueName: "string")) var username: String?
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Password (visible in the process list; use --password-stdin)", valueName: "string"))
    var password: String?
    @Flag(name: .long, help: "Take the password from STDIN") var passwordStdin = false
    @Argument(help: ArgumentHelp("Registry (default: Docker Hub)", valueName: "server")) var server: String = ""

    func run() throws {
        var configuration = try DockerConfiguration.load()
        var secret = password ?? ""
        if password != nil {
            Output.error("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
        }
        var name = username ?? ""
        if passwordStdin {
            guard password == nil else {
                throw RoostError.invalid("--password and --password-stdin are mutually exclusive")
            }
            guard !name.isEmpty else { throw RoostError.invalid("Must provide --username with --password-stdin") }
            secret = String(decoding: try readAll(0, limit: 1 << 20), as: UTF8.self)
            while secret.last == "\n" || secret.last == "\r" { secret.removeLast() }
        } else if name.isEmpty || secret.isEmpty {
            guard Terminals.isTerminal(0) else {
                throw RoostError.invalid(
                    "Cannot perform an interactive login from a non TTY device: use -u and --password-stdin")
            }
            if name.isEmpty { name = try Self.ask("Username: ", hidden: false) }
            if secret.isEmpty { secret = try Self.ask("Password: ", hidden: true) }
        }
        guard !secret.isEmpty else { throw RoostError.invalid("Error: Password Required") }
        var login = LoginRequest()
        login.username = name
        login.password = secret
        login.serverAddress = DockerConfiguration.key(server)
        let answer: LoginResponse = try CommandContext.shared.client().post("auth", [], login)
        try configuration.store(server, name: name, password: secret)
        Output.line(answer.status.isEmpty ? "Login Succeeded" : answer.status)
    }

    private static func ask(_ question: String, hidden: Bool) throws -> String {
        Output.raw(question)
        let saved = hidden ? Terminals.hideInput(0) : nil
        defer {
            if let saved {
                Terminals.restore(0, saved)
                Output.line("")
            }
        }
        return readLine() ?? ""
    }
}

struct Logout: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "logout", abstract: "Log out from a registry")
    @Argument(help: ArgumentHelp("Registry (default: Docker Hub)", valueName: "server")) var server: String = ""

    func run() throws {
        var configuration = try DockerConfiguration.load()
        let shown = DockerConfiguration.key(server)
        Output.line("Removing login credentials for \(shown)")
        if try !configuration.erase(server) { Output.error("Not logged in to \(shown)") }
    }
}

/// The images of a project's services.
struct ProjectImages {
    let project: Project
    let services: [String]

    /// The images of a loaded project, in which every service has an image name.
    init(_ project: Project, services: [String]) {
        self.project = project
        self.services = services
    }

    init(services names: [String], withDependencies: Bool) throws {
        project = try CommandContext.shared.loadProject(services: withDependencies ? names : [])
        for name in names where project.services[name] == nil { throw RoostError.missing("no such service: \(name)") }
        services = names.isEmpty || withDependencies ? project.needed(by: names).sorted() : names
    }

    func image(_ service: String) -> String? { project.services[service]?["image"].string }
    func isBuilt(_ service: String) -> Bool { project.definition(service)?["build"].isNull == false }

    func pull(policy: String?, skipBuildable: Bool, ignoresFailures: Bool, quiet: Bool) throws {
        var seen: Set<String> = []
        var orders: [ParallelPull.Order] = []
        for service in services {
            guard let image = image(service), seen.insert(image).inserted else { continue }
            if skipBuildable, isBuilt(service) { continue }
            let isThere = (try? CommandContext.shared.client().inspectImage(image)) != nil
            let definition = try project.service(service)
            let rule = policy ?? definition?.pullPolicy ?? ""
            if rule == "never" || rule == "build" { continue }
            if isThere, ["missing", "if_not_present"].contains(rule) { continue }
            orders.append(
                ParallelPull.Order(subject: service, image: image, platform: definition?.platform))
        }
        orders += try mountedImages(services).filter { seen.insert($0.image).inserted }
        var failed = false
        for (order, error) in try ParallelPull(orders: orders, isQuiet: quiet).run() {
            // An image that the project builds need not be in a registry.
            if isBuilt(order.subject) {
                Output.error(" \(order.subject) \(order.image) could not be pulled; build it with roost compose build")
                continue
            }
            Output.error(" \(order.subject) \(CommandContext.shared.message(error))")
            failed = true
        }
        if failed, !ignoresFailures { throw ExitCode(1) }
    }

    /// Images that services mount (`type: image`).
    func mountedImages(_ services: [String]) throws -> [ParallelPull.Order] {
        try services.flatMap { service in
            (try project.service(service)?.volumes ?? []).compactMap { volume in
                guard volume.type == "image", let image = volume.source else { return nil }
                return ParallelPull.Order(subject: service, image: image)
            }
        }
    }

    func push(ignoresFailures: Bool, quiet: Bool) throws {
        for service in services where isBuilt(service) {
            guard let image = image(service) else { continue }
            do {
                if !quiet { Output.error(" \(service) Pushing \(image)") }
                try Push.push(image, quiet: true)
                if !quiet { Output.error(" \(service) Pushed") }
            } catch let error as RoostError {
                Output.error(" \(service) \(CommandContext.shared.message(error))")
                if !ignoresFailures { throw ExitCode(1) }
            }
        }
    }
}

/// What a registry says about an image.
enum RemoteImage {
    static func describe(_ image: String) throws -> DistributionInspect {
        let answer = try CommandContext.shared.client().open(
            "GET", "distribution/\(image)/json", headers: try TransferDisplay.headers(TransferDisplay.domain(image)))
        return try JSON(parsing: answer.readAll()).decode(zeroIfAbsent: true)
    }
}

extension TransferMeter {
    /// Does nothing if the size of the transfer is not known.
    mutating func record(_ id: String, _ detail: ProgressDetail?, at time: Int64) {
        guard let total = detail?.total, total > 0 else { return }
        record(id, current: detail?.current ?? 0, total: total, at: time)
    }
}
