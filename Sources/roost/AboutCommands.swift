import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Show the Roost version information")
    @Option(name: [.short, .long], help: ArgumentHelp("Format output (json or a Go template)", valueName: "string"))
    var format: String?
    @Flag(name: .long, help: "Show only the version number (compose)") var short = false
    func run() throws {
        if CommandContext.shared.isCompose {
            // Tools read the version to detect features, so print the Compose version that Roost is compatible with.
            if short { return Output.line(ComposeLabel.compatibleVersion) }
            let value: JSON = ["version": .string("v" + ComposeLabel.compatibleVersion)]
            return Output.line(
                format == "json"
                    ? value.text()
                    : "Roost Compose version v\(ComposeLabel.compatibleVersion) (Roost \(APIVersion.product))")
        }
        #if arch(arm64)
            let arch = "arm64"
        #else
            let arch = "amd64"
        #endif
        let context = CommandContext.shared.context ?? ContextStore().current()
        let client: JSON = [
            "Platform": ["Name": "Roost"], "Version": .string(APIVersion.product),
            "ApiVersion": .string(APIVersion.current), "DefaultAPIVersion": .string(APIVersion.current),
            "GitCommit": "",
            "GoVersion": "", "Os": "linux", "Arch": .string(arch), "BuildTime": "",
            "Context": .string(context),
        ]
        // Print the client section even if no engine is running.
        if format == nil {
            Output.line(
                "Client: Roost\n Version:           \(APIVersion.product)\n API version:       \(APIVersion.current)\n OS/Arch:           linux/\(arch)\n Context:           \(context)\n"
            )
        } else if let format, format.contains(".Client"), !format.contains(".Server") {
            return Output.line(try Listing.one(format, ["Client": client]))
        }
        let engine = try CommandContext.shared.client()
        let server: JSON
        do {
            if engine.address.keeper != nil, format == nil { throw RoostError(.unavailable, "the engine sleeps") }
            server = try JSON(parsing: engine.open("GET", "version", starting: false).readAll())
        } catch let error as RoostError where error.kind == .unavailable && engine.address.start != nil && format == nil
        {
            // The engine starts on demand, so it is not an error if none is running.
            return Output.line(
                "Server: no engine is running at \(engine.address.shown); it starts on demand")
        }
        let both: JSON = ["Client": client, "Server": server]
        if let format { return Output.line(try Listing.one(format, both)) }
        let version = try server.decode(SystemVersion.self, zeroIfAbsent: true)
        Output.line(
            "Server:\n Engine:\n  Version:          \(version.version)\n  API version:      \(version.apiVersion) (minimum version \(version.minimumAPIVersion))\n  OS/Arch:          linux/\(version.architecture)\n  Kernel:           \(version.kernelVersion)"
        )
    }
}

struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Display system-wide information")
    @Option(name: [.short, .long], help: ArgumentHelp("Format output (json or a Go template)", valueName: "string"))
    var format: String?
    func run() throws {
        let context = CommandContext.shared.context ?? ContextStore().current()
        var json = try CommandContext.shared.client().call("GET", "info")
        if let format {
            json.set(
                "ClientInfo",
                [
                    "Version": .string(APIVersion.product), "Context": .string(context), "Debug": false, "Plugins": [],
                    "Warnings": .null,
                ])
            return Output.line(try Listing.one(format, json))
        }
        let info = try json.decode(SystemInfo.self, zeroIfAbsent: true)
        func list(_ names: [String]) -> String { names.joined(separator: " ") }
        Output.line(
            """
            Client: Roost
             Version:    \(APIVersion.product)
             Context:    \(context)
             Debug Mode: false

            Server:
             Containers: \(info.containers)
              Running: \(info.containersRunning)
              Paused: \(info.containersPaused)
              Stopped: \(info.containersStopped)
             Images: \(info.images)
             Server Version: \(info.serverVersion)
             Storage Driver: \(info.driver)
             Logging Driver: \(info.loggingDriver)
             Cgroup Driver: \(info.cgroupDriver)
             Cgroup Version: \(info.cgroupVersion)
             Plugins:
              Volume: \(list(info.plugins.volume))
              Network: \(list(info.plugins.network))
              Log: \(list(info.plugins.log))
             Swarm: inactive
             Runtimes: \(list(info.runtimes.keys))
             Default Runtime: \(info.defaultRuntime)
             Init Binary: \(info.initBinary)
             Security Options:
              \(info.securityOptions.map { $0.split(separator: ",")[0].dropFirst(5).description }.joined(separator: "\n  "))
             Kernel Version: \(info.kernelVersion)
             Operating System: \(info.operatingSystem)
             OSType: \(info.osType)
             Architecture: \(info.architecture)
             CPUs: \(info.processors)
             Total Memory: \(ByteSize.binaryText(info.memory))
             Name: \(info.name)
             ID: \(info.id)
             Docker Root Dir: \(info.dataRoot)
             Debug Mode: \(info.debug)
             Experimental: \(info.experimentalBuild)
             Insecure Registries:
              127.0.0.0/8
             Live Restore Enabled: \(info.liveRestoreEnabled)
            """)
    }
}

struct EngineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine", abstract: "Manage the engine process",
        subcommands: [StartEngine.self, StopEngine.self, Status.self])
    struct StartEngine: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "start", abstract: "Start the engine (other commands start it on demand)")
        func run() throws {
            let client = try CommandContext.shared.client()
            try client.requireRoost("roost engine start")
            try client.call("POST", "roost/v1/engine/stay")
            let status: EngineStatus = try client.get("roost/v1/engine")
            Output.line("engine \(status.pid) on \(client.address.socket)")
        }
    }
    struct StopEngine: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stop",
            abstract: "Stop the engine. Running containers keep running; the next roost command starts it again")
        func run() throws {
            let address = try CommandContext.shared.address.get()
            let client = EngineClient(address: address)
            try client.requireRoost("roost engine stop")
            // Do not wake a sleeping engine in order to stop it.
            if let keeper = address.keeper {
                try address.end(keeper)
                return Output.line("the engine has stopped")
            }
            do {
                _ = try client.open("POST", "roost/v1/engine/stop", starting: false)
            } catch let error as RoostError where error.kind == .unavailable {
                return Output.line("the Roost engine is not running")
            }
            let deadline = Clocks.monotonicNanoseconds() + 10_000_000_000
            while Files.exists(address.socket), Clocks.monotonicNanoseconds() < deadline { Processes.pauseBriefly() }
            // The lock is released when the process exits; only then is the data root free.
            while let root = address.start?.runRoot, (try? Files.isLocked(root + "/engine.lock")) == true,
                Clocks.monotonicNanoseconds() < deadline
            {
                Processes.pauseBriefly()
            }
            Output.line("the engine has stopped")
        }
    }
    struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status", abstract: "Show the engine status; exits with 3 if the engine is not running")
        func run() throws {
            let address = try CommandContext.shared.address.get()
            let client = EngineClient(address: address)
            try client.requireRoost("roost engine status")
            if address.keeper != nil {
                return Output.line("the engine sleeps; the next request to \(address.shown) wakes it")
            }
            do {
                let bytes = try client.open("GET", "roost/v1/engine", starting: false).readAll()
                for (key, value) in try JSON(parsing: bytes).object ?? [] {
                    Output.line("\(key): \(value.string ?? value.text())")
                }
            } catch let error as RoostError where error.kind == .unavailable {
                Output.line("the Roost engine is not running")
                throw ExitCode(3)
            }
        }
    }
}
