import APIClient
import ArgumentParser
import ComposeModel
import EngineModel
import LinuxKernel

/// One build as the engine is asked for it.
struct BuildOrder {
    /// A folder of this machine, an address, or `-`.
    var context = "."
    var dockerfile: String?
    var dockerfileText: String?
    var tags: [String] = []
    var arguments: [(String, String?)] = []
    var labels: [(String, String)] = []
    var target: String?
    var platform: String?
    var noCache = false
    var noCacheFilter: [String] = []
    var pull = false
    var network: String?
    var extraHosts: [String] = []
    var sharedMemory: Int64?
    var memory: Int64?
    var ulimits: [JSON] = []
    var secrets: [(id: String, bytes: [UInt8])] = []
    /// Sockets of ssh agents by id.
    var agentSockets: [String: String] = [:]
    var contexts: [(String, String)] = []
    /// As `type=registry,ref=NAME` and `type=local,src=FOLDER`.
    var cacheFrom: [String] = []
    var cacheTo: [String] = []
    /// Ask only whether the build would do anything.
    var onlyCached = false

    /// Builds, shows it, and answers with the image's id.
    func run(_ display: BuildDisplay) throws -> String { try display.follow(try open()) }

    /// Asks for the build, which goes on while its answer is read.
    func open() throws -> HTTPExchange {
        var query: [(String, String)] = tags.map { ("t", $0) }
        var values: [(key: String, value: JSON)] = []
        for (name, value) in arguments { values.append((name, value.map(JSON.string) ?? .null)) }
        query.append(("buildargs", JSON.object(values).text()))
        query.append(("labels", JSON.object(labels.map { ($0.0, .string($0.1)) }).text()))
        if let target { query.append(("target", target)) }
        if let platform { query.append(("platform", platform)) }
        if noCache { query.append(("nocache", "1")) }
        for name in noCacheFilter { query.append(("nocachefilter", name)) }
        if pull { query.append(("pull", "1")) }
        if let network { query.append(("networkmode", network)) }
        if !extraHosts.isEmpty { query.append(("extrahosts", JSON(extraHosts).text())) }
        if let sharedMemory { query.append(("shmsize", "\(sharedMemory)")) }
        if let memory { query.append(("memory", "\(memory)")) }
        if !ulimits.isEmpty { query.append(("ulimits", JSON.array(ulimits).text())) }
        var extras: JSON = ["rich": true]
        if !secrets.isEmpty {
            extras.set("secrets", .object(secrets.map { ($0.id, .string(Base64.encode($0.bytes))) }))
        }
        if onlyCached { extras.set("onlyCached", true) }
        let imports = try cacheFrom.compactMap { try BuildCachePlace.source($0) }
        if !imports.isEmpty { extras.set("cacheImports", .array(imports.map(\.json))) }
        if !cacheTo.isEmpty {
            extras.set("cacheExports", .array(try cacheTo.map { try BuildCachePlace($0, isTarget: true).json }))
        }
        if !agentSockets.isEmpty { extras.set("agentSockets", JSON(agentSockets)) }
        if !contexts.isEmpty { extras.set("contexts", .object(contexts.map { ($0.0, .string($0.1)) })) }
        if let dockerfileText { extras.set("dockerfile", .string(dockerfileText)) }
        var headers: [(String, String)] = []
        if let logins = try DockerConfiguration.load().allLogins() { headers.append(("X-Registry-Config", logins)) }
        return try send(query, extras, headers)
    }

    private func send(_ query: [(String, String)], _ extras: JSON, _ headers: [(String, String)]) throws -> HTTPExchange
    {
        var query = query
        var extras = extras
        let client = try Session.shared.client()
        func header() -> [(String, String)] { headers + [("X-Roost-Build", Base64.encode(extras.bytes()))] }
        if context == "-" { return try sendInput(query, extras, headers) }
        if context.contains("://") || context.hasPrefix("git@") || context.hasPrefix("github.com/") {
            query.append(("remote", context))
            if let dockerfile { query.append(("dockerfile", dockerfile)) }
            return try client.open("POST", "build", query, headers: header())
        }
        let folder = Session.shared.absolute(context)
        let status: FileStatus
        do throws(SyscallError) { status = try Files.status(folder) } catch {
            throw RoostError.missing("unable to prepare context: path \"\(context)\" not found")
        }
        guard status.isDirectory else {
            throw RoostError.invalid("unable to prepare context: context must be a directory: \(folder)")
        }
        let place = try Files.canonical(folder)
        if dockerfileText == nil, let name = try dockerfileName(place, &extras) { query.append(("dockerfile", name)) }
        var local = extras
        local.set("folder", BuildCachePlace.identity(place, status))
        do {
            return try client.open(
                "POST", "build", query, headers: headers + [("X-Roost-Build", Base64.encode(local.bytes()))])
        } catch let error as RoostError {
            // An engine elsewhere has not this folder: the files travel.
            guard error.kind == .conflict, error.message.contains("not on the engine's machine") else { throw error }
        }
        let pipe = try Pipe()
        let worker = try LocalArchive.create(place, as: "", to: pipe.writing.raw)
        pipe.writing.closeEarly()
        let answer = try client.upload("build", query, file: pipe.reading.raw, headers: header())
        try worker.finish()
        return answer
    }

    /// The Dockerfile's path inside the context; one outside travels as text.
    private func dockerfileName(_ folder: String, _ extras: inout JSON) throws -> String? {
        guard let dockerfile else { return nil }
        if dockerfile == "-" {
            extras.set("dockerfile", .string(String(decoding: try readAll(0, limit: 4 << 20), as: UTF8.self)))
            return nil
        }
        let path = Session.shared.absolute(dockerfile)
        let beside = folder + "/" + dockerfile
        let found = Files.exists(path) ? path : beside
        guard Files.exists(found) else {
            throw RoostError.missing(
                "unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat \(path): no such file or directory"
            )
        }
        let whole = try Files.canonical(found)
        if whole.hasPrefix(folder + "/") { return String(whole.dropFirst(folder.count + 1)) }
        extras.set("dockerfile", .string(try Files.readText(whole, limit: 4 << 20)))
        return nil
    }

    /// Standard input is an archive, or a Dockerfile without a context.
    private func sendInput(_ query: [(String, String)], _ extras: JSON, _ headers: [(String, String)]) throws
        -> HTTPExchange
    {
        guard !Terminals.isTerminal(0) else {
            throw RoostError.invalid("standard input is a terminal: pipe a Dockerfile or an archive in")
        }
        let bytes = try readAll(0, limit: 2 << 30)
        let magic: [[UInt8]] = [[0x1f, 0x8b], [0x28, 0xb5, 0x2f, 0xfd], [0x42, 0x5a, 0x68], [0xfd, 0x37, 0x7a]]
        let isArchive =
            magic.contains { bytes.starts(with: $0) }
            || (bytes.count > 262 && Array(bytes[257..<262]) == Array("ustar".utf8))
        var extras = extras
        var query = query
        if let dockerfile { query.append(("dockerfile", dockerfile)) }
        if !isArchive { extras.set("dockerfile", .string(String(decoding: bytes, as: UTF8.self))) }
        let body = try Files.memory("context", isArchive ? bytes : [UInt8](repeating: 0, count: 1024))
        return try Session.shared.client().upload(
            "build", query, file: body.raw, headers: headers + [("X-Roost-Build", Base64.encode(extras.bytes()))])
    }
}

struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Build an image from a Dockerfile; in a project, the services' images.",
        discussion: """
            Examples:
              roost build -t team/app:1 .
              roost build --build-arg VERSION=2 --target test -f docker/Dockerfile .
              roost build --secret id=token,src=token.txt -o out .
              roost compose build web
            """)
    @Option(name: [.short, .long], help: "The Dockerfile; - is standard input.") var file: String?
    @Option(name: [.short, .long], help: "A name for the image; may be given several times.") var tag: [String] = []
    @Option(name: .long, help: "NAME=VALUE, or NAME for the value here.") var buildArg: [String] = []
    @Option(name: .long, help: "NAME=VALUE.") var label: [String] = []
    @Option(name: .long, help: "Build up to this stage.") var target: String?
    @Option(name: .long, help: "linux/ARCHITECTURE.") var platform: String?
    @Flag(name: .long, help: "Do every step again.") var noCache = false
    @Option(name: .long, help: "Do the steps of this stage again.") var noCacheFilter: [String] = []
    @Flag(name: .long, help: "Fetch base images although they are here.") var pull = false
    @Option(name: [.customLong("network")], help: "The network of RUN: default, none, host or a network.") var network:
        String?
    @Option(name: .long, help: "A line for /etc/hosts: name:address.") var addHost: [String] = []
    @Option(name: .long, help: "id=NAME,src=FILE or id=NAME,env=VARIABLE.") var secret: [String] = []
    @Option(name: .long, help: "default, or default=SOCKET.") var ssh: [String] = []
    @Option(name: .long, help: "Another context: NAME=FOLDER or NAME=docker-image://IMAGE.") var buildContext:
        [String] = []
    @Option(
        name: [.short, .long], help: "type=local|tar|docker|oci|image,dest=PATH; a folder means local, - a tar stream.")
    var output: String?
    @Option(name: .long, help: "Write the image's id to a file.") var iidfile: String?
    @Option(name: .long, help: "Write facts of the build to a file, as JSON.") var metadataFile: String?
    @Option(name: .long, help: "auto, plain, tty, quiet or rawjson.") var progress: String?
    @Flag(name: [.short, .long], help: "Only the image's id at the end.") var quiet = false
    @Flag(name: .long, help: "Push the image under its names.") var push = false
    @Flag(name: .long, help: "Accepted; the image is always kept here.") var load = false
    @Flag(name: .long, help: "Check the Dockerfile and build nothing.") var check = false
    @Option(name: .long, help: "Steps of others: type=registry,ref=NAME or type=local,src=FOLDER.") var cacheFrom:
        [String] = []
    @Option(name: .long, help: "Keep the steps: type=registry,ref=NAME or type=local,dest=FOLDER; mode=max for all.")
    var cacheTo: [String] = []
    @Option(name: .long, help: "Size of /dev/shm of RUN.") var shmSize: String?
    @Option(name: [.short, .long], help: "Memory limit of RUN.") var memory: String?
    @Option(name: .long, help: "A limit of RUN: nofile=1024:2048.") var ulimit: [String] = []
    @Flag(name: .long, inversion: .prefixedNo, help: "Accepted; containers of RUN are always removed.") var rm = true
    @Flag(name: .long, help: "Accepted; containers of RUN are always removed.") var forceRm = false
    // Limits of RUN and wishes of the older builder that change nothing in an image.
    @Option(name: [.customShort("c"), .long], help: .hidden) var cpuShares: Int?
    @Option(name: .long, help: .hidden) var cpuPeriod: Int?
    @Option(name: .long, help: .hidden) var cpuQuota: Int?
    @Option(name: .long, help: .hidden) var cpusetCpus: String?
    @Option(name: .long, help: .hidden) var cpusetMems: String?
    @Option(name: .long, help: .hidden) var memorySwap: String?
    @Option(name: .long, help: .hidden) var cgroupParent: String?
    @Option(name: .long, help: .hidden) var securityOpt: [String] = []
    @Option(name: .long, help: .hidden) var isolation: String?
    @Flag(name: .long, help: .hidden) var compress = false
    @Flag(name: .long, help: .hidden) var disableContentTrust = false
    @Option(name: .long, help: .hidden) var builder: String?
    @Option(name: .long, help: .hidden) var provenance: String?
    @Option(name: .long, help: .hidden) var sbom: String?
    @Flag(name: .long, help: "Compose: the services that these depend on, too.") var withDependencies = false
    @Argument(help: "A folder, an address, or -; in compose services.") var words: [String] = []

    func run() throws {
        if Session.shared.isCompose {
            return try ProjectImages(services: words, withDependencies: withDependencies).build(
                BuildOverrides(
                    arguments: buildArg.map(Self.argument), noCache: noCache, pull: pull, quiet: quiet,
                    progress: progress, push: push))
        }
        guard words.count == 1 else {
            throw RoostError.invalid("\"roost build\" requires exactly 1 argument: the folder to build from, as .")
        }
        var order = BuildOrder()
        order.context = words[0]
        order.dockerfile = file
        order.tags = tag
        order.arguments = buildArg.map(Self.argument)
        order.labels = label.map(ContainerOptions.pair)
        order.target = target
        order.platform = platform
        order.noCache = noCache
        order.noCacheFilter = noCacheFilter
        order.pull = pull
        order.network = network
        order.extraHosts = addHost
        order.sharedMemory = try shmSize.map(ContainerOptions.size)
        order.memory = try memory.map(ContainerOptions.size)
        order.ulimits = try ulimit.map { try ContainerOptions.ulimit($0) }
        order.secrets = try secret.map(Self.secret)
        order.agentSockets = try Self.agents(ssh)
        order.contexts = try buildContext.map(Self.context)
        order.cacheFrom = cacheFrom
        order.cacheTo = cacheTo
        if check { return try runCheck(order) }
        let display = try BuildDisplay(progress, quiet: quiet)
        let id: String
        do { id = try order.run(display) } catch let error as RoostError {
            // As the classic client: the build ends as its command has ended.
            guard let code = display.failureCode, code != 0 else { throw error }
            Output.error(error.message)
            throw Leave(code: code)
        }
        if let iidfile { try Files.write(Session.shared.absolute(iidfile), id) }
        if let metadataFile {
            let facts: JSON = [
                "containerimage.config.digest": .string(id), "containerimage.digest": .string(id),
                "image.name": .string(tag.joined(separator: ",")),
            ]
            try Files.write(Session.shared.absolute(metadataFile), facts.bytes(indent: 2) + [10])
        }
        if let output { try BuildOutput(output).write(id, names: tag) }
        if push { for name in tag { try Push.push(name, quiet: quiet) } }
        if quiet {
            Output.line(id)
        } else {
            Output.error("writing image \(id)")
            for name in tag { Output.error("naming to \(TransferDisplay.full(name))") }
        }
    }

    static func argument(_ text: String) -> (String, String?) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return (parts[0], parts.count > 1 ? parts[1] : environmentVariable(parts[0]))
    }

    static func secret(_ text: String) throws -> (id: String, bytes: [UInt8]) {
        var values: [String: String] = [:]
        for part in text.split(separator: ",") {
            let (key, value) = ContainerOptions.pair(String(part))
            values[key] = value
        }
        guard let id = values["id"] ?? values["src"].map({ String($0.pathParts.last ?? "") }) else {
            throw RoostError.invalid("--secret \(text): write id=NAME,src=FILE or id=NAME,env=VARIABLE")
        }
        if let name = values["env"] ?? (values["type"] == "env" ? id : nil) {
            guard let value = environmentVariable(name) else {
                throw RoostError.missing("--secret \(text): the variable \(name) is not set")
            }
            return (id, Array(value.utf8))
        }
        let path = values["src"] ?? values["source"] ?? id
        guard Files.exists(Session.shared.absolute(path)) else {
            guard values["src"] == nil, values["source"] == nil, let value = environmentVariable(id) else {
                throw RoostError.missing("--secret \(text): \(path) does not exist")
            }
            return (id, Array(value.utf8))
        }
        return (id, try Files.read(Session.shared.absolute(path), limit: 1 << 20))
    }

    /// `default` is the agent of the environment, `ID=SOCKET` another one.
    static func agents(_ list: [String]) throws(RoostError) -> [String: String] {
        var found: [String: String] = [:]
        for text in list {
            let (id, value) = ContainerOptions.pair(text)
            guard value.isEmpty else {
                let path = Session.shared.absolute(value)
                guard (try? Files.status(path))?.isSocket == true else {
                    throw .invalid(
                        "--ssh \(text): \(path) is not the socket of an ssh agent: add the key to one with ssh-add")
                }
                found[id] = path
                continue
            }
            guard let path = environmentVariable("SSH_AUTH_SOCK") else {
                throw .invalid(
                    "--ssh \(text): no ssh agent runs here (SSH_AUTH_SOCK is not set): start one, or name its socket")
            }
            found[id] = path
        }
        return found
    }

    static func context(_ text: String) throws(RoostError) -> (String, String) {
        let (name, value) = ContainerOptions.pair(text)
        guard !value.isEmpty else { throw .invalid("--build-context \(text): write NAME=FOLDER") }
        return (name, value.contains("://") ? value : Session.shared.absolute(value))
    }

    /// Lints as Docker's build checks do.
    private func runCheck(_ order: BuildOrder) throws {
        let path = Session.shared.absolute(file ?? order.context + "/Dockerfile")
        let text = try Files.readText(path, limit: 4 << 20)
        let answer = try Session.shared.client().call("POST", "roost/v1/build/check", body: ["text": .string(text)])
        let warnings = answer["warnings"].array ?? []
        for warning in warnings {
            Output.line("\(path):\(warning["line"].int ?? 0): \(warning["message"].string ?? "")")
        }
        if warnings.isEmpty {
            Output.line("Check complete, no warnings found.")
        } else {
            Output.line(
                "Check complete, \(warnings.count) warning\(warnings.count == 1 ? " has" : "s have") been found!")
            throw Leave(code: 1)
        }
    }
}

/// What the command line adds to a project's builds.
struct BuildOverrides {
    var arguments: [(String, String?)] = []
    var noCache = false
    var pull = false
    var quiet = false
    var progress: String?
    var push = false
}
