import ArgumentParser
import DockerAPI
import EngineModel
import Testing

@testable import roost

/// The command line's words, before an engine is asked.
@Suite struct ArgumentTests {
    @Test(
        "Docker's spellings become the parser's",
        arguments: [
            (["run", "--rm=true", "busybox"], ["run", "--rm", "busybox"]),
            (["run", "--rm=false", "busybox"], ["run", "busybox"]),
            (["run", "-p8080:80", "busybox"], ["run", "--publish=8080:80", "busybox"]),
            (["run", "-eA=1", "-it", "busybox"], ["run", "--env=A=1", "-i", "-t", "busybox"]),
            (["logs", "-n5", "web"], ["logs", "--tail=5", "web"]), (["ps", "-aq"], ["ps", "-a", "-q"]),
            (["run", "busybox", "ls", "-p80", "--rm=true"], ["run", "busybox", "ls", "-p80", "--rm=true"]),
            (["nosuch", "-x1"], ["nosuch", "-x1"]),
        ])
    func spellings(given: [String], expected: [String]) { #expect(FlagNormalizer.normalized(given) == expected) }

    @Test("every subcommand parses its own help, and none has an abstract that ends with a full stop")
    func help() {
        func check(_ command: any ParsableCommand.Type, _ path: String) {
            let abstract = command.configuration.abstract
            #expect(!abstract.isEmpty && !abstract.hasSuffix("."), "\(path)")
            for sub in command.configuration.subcommands {
                check(sub, path + " " + (sub.configuration.commandName ?? "\(sub)"))
            }
        }
        check(Roost.self, "roost")
    }

    @Test("every option says what it does")
    func optionHelp() throws {
        var bare: [String] = []
        func walk(_ command: JSON, _ path: String) {
            for argument in command["arguments"].array ?? [] where argument["shouldDisplay"].bool != false {
                let name = argument["preferredName"]["name"].string ?? argument["valueName"].string ?? ""
                if argument["abstract"].string?.isEmpty != false, argument["kind"].string != "positional" {
                    bare.append("\(path) \(name)")
                }
            }
            for sub in command["subcommands"].array ?? [] { walk(sub, path + " " + (sub["commandName"].string ?? "")) }
        }
        walk(try JSON(parsing: Array(Roost._dumpHelp().utf8))["command"], "roost")
        #expect(bare.isEmpty, "\(bare)")
    }

    @Test("NAME=VALUE words; the last of a name counts")
    func pairs() {
        #expect(ContainerOptions.pair("a=b=c") == ("a", "b=c") && ContainerOptions.pair("a") == ("a", ""))
        #expect(ContainerOptions.map(["a=1", "b", "a=2"]) == ["a": "2", "b": ""])
    }

    @Test("sizes of options, with the option in the error")
    func sizes() throws {
        #expect(try ContainerOptions.sizeOption("--memory", "512m") == 512 << 20)
        #expect(try ContainerOptions.sizeOption("--memory-swap", "-1") == -1)
        let error = #expect(throws: RoostError.self) { try ContainerOptions.sizeOption("--memory", "lots") }
        #expect(error?.message == "invalid size \"lots\" for --memory (e.g. 512m, 2g)")
    }

    @Test("environment variables are completed from the client's own, or sent bare")
    func variables() throws {
        #expect(
            try Variables.complete("A=1") == "A=1"
                && Variables.complete("ROOST_NOT_SET_ANYWHERE") == "ROOST_NOT_SET_ANYWHERE")
        #expect(try Variables.complete("PATH").hasPrefix("PATH=/"))
        for text in ["", "=x"] { #expect(throws: RoostError.self) { try Variables.complete(text) } }
    }

    @Test("arguments behind the options are the container's, except an unknown flag")
    func passthrough() throws {
        #expect(try PassthroughArguments.checked(["sh", "-c", "x"], of: "run") == ["sh", "-c", "x"])
        #expect(try PassthroughArguments.checked(["--", "-x"], of: "run") == ["-x"])
        #expect(try PassthroughArguments.checked([], of: "run").isEmpty)
        let code = #expect(throws: ExitCode.self) { try PassthroughArguments.checked(["--nosuch"], of: "run") }
        #expect(code?.rawValue == 125)
    }

    @Test(
        "exit codes of failures to start",
        arguments: [
            ("exec: \"x\": executable file not found in $PATH", 127), ("/x: no such file or directory", 127),
            ("/etc: is a directory", 126), ("/x: permission denied", 126), ("mount /x: invalid argument", 125),
        ])
    func failures(text: String, code: Int32) { #expect(Foreground.code(ofFailure: text) == code) }

    @Test("networks: a name, or a name with settings")
    func networks() throws {
        #expect(try NetworkFlag("backend").name == "backend" && !NetworkFlag("backend").hasSettings)
        let long = try NetworkFlag("name=backend,alias=a,alias=b,ip=10.0.0.5")
        #expect(
            long.name == "backend" && long.aliases == ["a", "b"] && long.address4 == "10.0.0.5" && long.hasSettings)
        #expect(throws: RoostError.self) { try NetworkFlag("name=backend,nosuch=1") }
    }

    private func request(_ words: String...) throws -> ContainerCreateRequest {
        try ContainerOptions.parse(words).request(["busybox", "true"], attach: false)
    }

    @Test("limits of processes")
    func ulimits() throws {
        let limits = try request("--ulimit", "nofile=10:20", "--ulimit", "nproc=5").hostConfig?.ulimits ?? []
        #expect(limits.map(\.name) == ["nofile", "nproc"])
        #expect(limits.map(\.soft) == [10, 5] && limits.map(\.hard) == [20, 5])
        for text in ["nofile", "nofile=", "nofile=20:10", "nosuch=1"] {
            #expect(throws: RoostError.self, "\(text)") { try request("--ulimit", text) }
        }
    }

    @Test("options become the members of Docker's request, and what is not given is absent")
    func createRequest() throws {
        let plain = try request()
        #expect(plain.config.image == "busybox" && plain.config.command?.words == ["true"])
        #expect(plain.config.healthcheck == nil && plain.hostConfig?.restartPolicy == nil)
        #expect(plain.hostConfig?.memory == nil && plain.hostConfig?.addedCapabilities == nil)
        let full = try request(
            "-m", "64m", "--cap-add", "net_admin", "-p", "8080:80", "--restart", "on-failure:3", "-v", "/tmp:/t:ro",
            "-v", "/anonymous", "--network", "name=backend,alias=a", "--health-cmd", "true", "--health-interval", "2s")
        #expect(full.hostConfig?.memory == 64 << 20 && full.hostConfig?.addedCapabilities == ["CAP_NET_ADMIN"])
        #expect(full.hostConfig?.portBindings?["80/tcp"] == [HostPort(address: "", port: "8080")])
        #expect(full.hostConfig?.restartPolicy?.maximumRetryCount == 3 && full.hostConfig?.binds == ["/tmp:/t:ro"])
        #expect(full.config.volumes?.keys == ["/anonymous"] && full.hostConfig?.networkMode == "backend")
        #expect(full.networkingConfig?.endpointsConfig?["backend"]?.aliases == ["a"])
        #expect(full.config.healthcheck?.test == ["CMD-SHELL", "true"])
        #expect(full.config.healthcheck?.interval == 2_000_000_000)
    }

    @Test(
        "build outputs and caches of unknown types are refused",
        arguments: ["type=nosuch", "nosuch=1", "type=local,nosuch=1"])
    func outputs(text: String) { #expect(throws: RoostError.self) { try BuildOutput(text) } }

    @Test("caches of builds", arguments: [("a/b:c", "a/b:c"), ("type=registry,ref=x,mode=max", "x")])
    func caches(text: String, registry: String) throws {
        #expect(try BuildCacheOption.parse(text, isTarget: true).registry == registry)
        #expect(throws: (any Error).self) { try BuildCacheOption.parse("type=registry", isTarget: true) }
        #expect(throws: (any Error).self) { try BuildCacheOption.parse("type=gha", isTarget: true) }
        #expect(throws: (any Error).self) {
            try BuildCacheOption.parse("type=registry,ref=x,mode=most", isTarget: true)
        }
    }

    @Test("an unknown command is told with what was meant")
    func unknown() {
        #expect(UsageErrors.unknownCommand(["ps"]) == nil && UsageErrors.unknownCommand(["network", "ls"]) == nil)
        #expect(UsageErrors.unknownCommand(["nosuchcommand"])?.contains("unknown command: roost nosuchcommand") == true)
        #expect(UsageErrors.unknownCommand(["imags"])?.contains("images") == true)
    }
}

@Suite struct MountFlagTests {
    @Test(
        "mounts as the API has them",
        arguments: [
            ("type=bind,src=/a,dst=/b,ro", #"{"ReadOnly":true,"Source":"/a","Target":"/b","Type":"bind"}"#),
            ("src=v,target=/b", #"{"Source":"v","Target":"/b","Type":"volume"}"#),
            (
                "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777",
                #"{"Target":"/t","TmpfsOptions":{"Mode":1023,"SizeBytes":1048576},"Type":"tmpfs"}"#
            ),
            (
                "type=volume,src=v,dst=/b,volume-subpath=x,volume-nocopy",
                #"{"Source":"v","Target":"/b","Type":"volume","VolumeOptions":{"NoCopy":true,"Subpath":"x"}}"#
            ),
            (#"type=bind,"src=/a,b",dst=/b"#, #"{"Source":"/a,b","Target":"/b","Type":"bind"}"#),
            (
                "type=image,src=busybox,dst=/i,image-subpath=bin",
                #"{"ImageOptions":{"Subpath":"bin"},"Source":"busybox","Target":"/i","Type":"image"}"#
            ),
        ])
    func mounts(text: String, json: String) throws {
        #expect(try MountFlag(text).mount == JSON(parsing: json).decode(Mount.self))
    }

    @Test(
        "wrong mounts name the flag and the field",
        arguments: [
            "type=bind,src=/a", "type=bind,dst=/b", "nosuch=1,dst=/b", "dst", "type=tmpfs,dst=/t,volume-nocopy",
            "type=bind,src=/a,dst=/b,bind-recursive=readonly", "type=tmpfs,dst=/t,tmpfs-size=lots",
            "type=tmpfs,dst=/t,tmpfs-mode=9", "type=bind,src=/a,dst=/b,ro=maybe",
        ])
    func wrong(text: String) {
        let error = #expect(throws: RoostError.self) { try MountFlag(text) }
        #expect(error?.message.contains("for \"--mount\" flag:") == true)
    }
}

@Suite struct ListTests {
    @Test("ports as Docker prints them")
    func ports() {
        func port(_ address: String?, _ inside: UInt16, _ outside: UInt16?, _ type: String) -> ContainerSummary.Port {
            var port = ContainerSummary.Port()
            (port.address, port.privatePort, port.publicPort, port.type) = (address, inside, outside, type)
            return port
        }
        let ports = [port("0.0.0.0", 80, 8080, "tcp"), port("::", 80, 8080, "tcp"), port(nil, 53, nil, "udp")]
        #expect(Ps.ports(ports) == "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 53/udp")
    }

    @Test("images as Docker prints them: a name, or twelve digits of an ID")
    func images() {
        let id = "sha256:" + String(repeating: "0123456789abcdef", count: 4)
        func image(_ name: String) -> String {
            var container = ContainerSummary()
            (container.image, container.imageID) = (name, id)
            return Ps.image(container, noTrunc: false)
        }
        #expect(image("busybox:latest") == "busybox:latest" && image("") == "<no image>")
        #expect(image(id) == "0123456789ab" && image("a/b@sha256:" + String(repeating: "1", count: 64)) == "a/b")
    }

    @Test(
        "registries of image names",
        arguments: [
            ("busybox", "docker.io"), ("team/app", "docker.io"), ("localhost/app", "localhost"),
            ("a.example/app", "a.example"),
            ("host:5000/app", "host:5000"), ("a.b", "docker.io"),
        ])
    func registries(image: String, domain: String) { #expect(TransferDisplay.domain(image) == domain) }

    @Test(
        "names of contexts",
        arguments: [
            ("lab", true), ("a.b-c_1+2", true), ("default", false), ("-a", false), ("a b", false), ("é", false),
        ])
    func contexts(name: String, isValid: Bool) {
        #expect(((try? ContextStore.check(name)) != nil) == isValid)
    }

    @Test("times of logs: timestamps, or durations before now")
    func times() throws {
        #expect(try Logs.time("2024-01-01T00:00:00Z") == "2024-01-01T00:00:00Z")
        #expect(try Timestamp(parsing: Logs.time("10m")) != nil)
        #expect(throws: RoostError.self) { try Logs.time("nosuch") }
    }

    @Test("build arguments without a value come from the environment")
    func buildArguments() {
        #expect(Build.argument("A=1=2") == ("A", "1=2") && Build.argument("A=") == ("A", ""))
        #expect(Build.argument("ROOST_NOT_SET_ANYWHERE").1 == nil && Build.argument("PATH").1?.isEmpty == false)
    }
}
