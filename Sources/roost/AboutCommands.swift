import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Show the versions of client and engine.")
    @Option(name: [.short, .long], help: "A template, or json.") var format: String?
    @Flag(name: .long, help: "The number only (compose).") var short = false
    func run() throws {
        if Session.shared.isCompose {
            // Tools ask for the version to know what the program understands: that is what this one of Compose does.
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
        // The client is shown whether there is an engine or not.
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
            // An engine starts with the first command that needs it: that none runs is no failure.
            return Output.line(
                "Server: no engine runs at \(engine.address.shown); any command that needs one starts it")
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
        commandName: "info", abstract: "Show what the engine knows about itself and its host.")
    @Option(name: [.short, .long], help: "A template, or json.") var format: String?
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
        commandName: "engine", abstract: "Start, stop or look at the engine itself.",
        subcommands: [StartEngine.self, StopEngine.self, Status.self])
    struct StartEngine: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "start", abstract: "Start the engine now; other commands do it by themselves.")
        func run() throws {
            let client = try Session.shared.client()
            try client.requireRoost("roost engine start")
            try client.call("POST", "roost/v1/engine/stay")
            Output.line(
                "engine \(try client.call("GET", "roost/v1/engine")["pid"].int ?? 0) serves \(client.address.socket)")
        }
    }
    struct StopEngine: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stop",
            abstract: "Stop the engine; containers that run go on, and nothing brings it back but the next command.")
        func run() throws {
            let address = try Session.shared.address.get()
            let client = EngineClient(address: address)
            try client.requireRoost("roost engine stop")
            // One that sleeps must not be woken in order to be stopped.
            if let keeper = address.keeper {
                try address.end(keeper)
                return Output.line("the engine has stopped")
            }
            do {
                _ = try client.open("POST", "roost/v1/engine/stop", starting: false)
            } catch let error as RoostError where error.kind == .unavailable {
                return Output.line("the engine does not run")
            }
            let deadline = Clocks.monotonicNanoseconds() + 10_000_000_000
            while Files.exists(address.socket), Clocks.monotonicNanoseconds() < deadline { Processes.pauseBriefly() }
            // The lock goes with the process: nothing of it holds the data root any more.
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
            commandName: "status", abstract: "Show whether the engine runs. Ends with 3 if it does not.")
        func run() throws {
            let address = try Session.shared.address.get()
            let client = EngineClient(address: address)
            try client.requireRoost("roost engine status")
            if address.keeper != nil {
                return Output.line("the engine sleeps: the next request to \(address.shown) wakes it")
            }
            do {
                let bytes = try client.open("GET", "roost/v1/engine", starting: false).readAll()
                for (key, value) in try JSON(parsing: bytes).object ?? [] {
                    Output.line("\(key): \(value.string ?? value.text())")
                }
            } catch let error as RoostError where error.kind == .unavailable {
                Output.line("the engine does not run")
                throw Leave(code: 3)
            }
        }
    }
}
