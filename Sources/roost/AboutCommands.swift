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
        if Session.shared.isCompose {
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
        let client: JSON = [
            "Platform": ["Name": "Roost"], "Version": .string(APIVersion.product),
            "ApiVersion": .string(APIVersion.current), "DefaultAPIVersion": .string(APIVersion.current),
            "GitCommit": "",
            "GoVersion": "", "Os": "linux", "Arch": .string(arch), "BuildTime": "",
            "Context": .string(Session.shared.context ?? ContextStore().current()),
        ]
        // Print the client section even if no engine is running.
        if format == nil {
            Output.line(
                "Client: Roost\n Version:           \(APIVersion.product)\n API version:       \(APIVersion.current)\n OS/Arch:           linux/\(arch)\n Context:           \(client["Context"].string ?? "")\n"
            )
        } else if let format, format.contains(".Client"), !format.contains(".Server") {
            return Output.line(try Listing.one(format, ["Client": client]))
        }
        let engine = try Session.shared.client()
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
        Output.line(
            "Server:\n Engine:\n  Version:          \(server["Version"].string ?? "")\n  API version:      \(server["ApiVersion"].string ?? "") (minimum version \(server["MinAPIVersion"].string ?? ""))\n  OS/Arch:          linux/\(server["Arch"].string ?? "")\n  Kernel:           \(server["KernelVersion"].string ?? "")"
        )
    }
}

struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Display system-wide information")
    @Option(name: [.short, .long], help: ArgumentHelp("Format output (json or a Go template)", valueName: "string"))
    var format: String?
    func run() throws {
        var info = try Session.shared.client().call("GET", "info")
        info.set(
            "ClientInfo",
            [
                "Version": .string(APIVersion.product),
                "Context": .string(Session.shared.context ?? ContextStore().current()),
                "Debug": false, "Plugins": [], "Warnings": .null,
            ])
        if let format { return Output.line(try Listing.one(format, info)) }
        Output.line(
            "Client: Roost\n Version:    \(APIVersion.product)\n Context:    \(info["ClientInfo"]["Context"].string ?? "")\n Debug Mode: false\n\nServer:"
        )
        func text(_ key: String) -> String { info[key].string ?? info[key].text() }
        func list(_ value: JSON) -> String { (value.strings ?? []).joined(separator: " ") }
        Output.line(
            """
             Containers: \(text("Containers"))
              Running: \(text("ContainersRunning"))
              Paused: \(text("ContainersPaused"))
              Stopped: \(text("ContainersStopped"))
             Images: \(text("Images"))
             Server Version: \(text("ServerVersion"))
             Storage Driver: \(text("Driver"))
             Logging Driver: \(text("LoggingDriver"))
             Cgroup Driver: \(text("CgroupDriver"))
             Cgroup Version: \(text("CgroupVersion"))
             Plugins:
              Volume: \(list(info["Plugins"]["Volume"]))
              Network: \(list(info["Plugins"]["Network"]))
              Log: \(list(info["Plugins"]["Log"]))
             Swarm: inactive
             Runtimes: \((info["Runtimes"].object ?? []).map(\.key).joined(separator: " "))
             Default Runtime: \(text("DefaultRuntime"))
             Init Binary: \(text("InitBinary"))
             Security Options:
              \((info["SecurityOptions"].strings ?? []).map { $0.split(separator: ",")[0].dropFirst(5).description }.joined(separator: "\n  "))
             Kernel Version: \(text("KernelVersion"))
             Operating System: \(text("OperatingSystem"))
             OSType: \(text("OSType"))
             Architecture: \(text("Architecture"))
             CPUs: \(text("NCPU"))
             Total Memory: \(ByteSize.binaryText(info["MemTotal"].int ?? 0))
             Name: \(text("Name"))
             ID: \(text("ID"))
             Docker Root Dir: \(text("DockerRootDir"))
             Debug Mode: \(text("Debug"))
             Experimental: \(text("ExperimentalBuild"))
             Insecure Registries:
              127.0.0.0/8
             Live Restore Enabled: \(text("LiveRestoreEnabled"))
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
            let client = try Session.shared.client()
            try client.requireRoost("roost engine start")
            try client.call("POST", "roost/v1/engine/stay")
            Output.line(
                "engine \(try client.call("GET", "roost/v1/engine")["pid"].int ?? 0) on \(client.address.socket)")
        }
    }
    struct StopEngine: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stop",
            abstract: "Stop the engine. Running containers keep running; the next roost command starts it again")
        func run() throws {
            let address = try Session.shared.address.get()
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
            let address = try Session.shared.address.get()
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
