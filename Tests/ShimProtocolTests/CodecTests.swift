import ShimProtocol
import Testing

@Suite struct CodecTests {
    private var plan: LaunchPlan {
        LaunchPlan(
            id: "abc",
            kind: .container(
                ContainerPlan(
                    hostname: "h", domainname: "", newNamespaces: 7,
                    joinedNamespaces: [JoinedNamespace(kind: 1, path: "/proc/1/ns/net")],
                    root: RootPlan(
                        lowerDirectories: ["/a", "/b"], upperDirectory: "/u", workDirectory: "/w", mountPoint: "/m",
                        readOnly: true),
                    mounts: [
                        MountPlan(
                            source: .bind(path: "/x", recursive: true), target: "/y", attributes: 1, propagation: .slave
                        ),
                        MountPlan(
                            source: .fileSystem(type: "tmpfs", options: [Setting("size", "1"), Setting("ro", nil)]),
                            target: "/t", attributes: 0),
                        MountPlan(
                            source: .cgroupV1([Setting("cpu", "/sys/fs/cgroup/cpu")]),
                            target: "/sys/fs/cgroup", attributes: 9),
                    ], devices: [DevicePlan(path: "/dev/null", mode: 0o20666, major: 1, minor: 3)],
                    links: [LinkPlan(path: "/dev/fd", target: "/proc/self/fd")],
                    maskedPaths: ["/proc/kcore"], readOnlyPaths: ["/proc/sys"], sysctls: [Setting("net.a", "1")],
                    log: LogPlan(path: "/l", maximumBytes: 10, maximumFiles: 2),
                    exitRecord: "/e",
                    revival: EngineRestartPlan(
                        socket: "/s", lock: "/k", executable: "/d", arguments: ["d"], environment: []))
            ),
            process: ProcessPlan(
                arguments: ["sh", "é"], environment: ["A=1"], workingDirectory: "/", user: "0", additionalGroups: ["5"],
                runsUnderInit: true),
            security: SecurityPlan(
                capabilities: .max, seccompFilter: [1, 2], noNewPrivileges: true,
                limits: [ResourceLimit(resource: 7, soft: 1, hard: .max)], oomScoreAdj: -5),
            cgroups: .split(paths: ["/c"]), standardStreams: StreamPlan(terminal: true, input: false))
    }

    @Test("a plan survives its encoding")
    func plans() throws { #expect(try LaunchPlan(decoding: plan.encoded()) == plan) }

    @Test("a plan that is cut anywhere is refused, never believed")
    func cuts() {
        let bytes = plan.encoded()
        for length in 0..<bytes.count {
            #expect(throws: MalformedMessage.self) { try LaunchPlan(decoding: Array(bytes[..<length])) }
        }
    }

    @Test("a plan with any byte changed never ends the program")
    func corruption() {
        let bytes = plan.encoded()
        for position in bytes.indices {
            var broken = bytes
            broken[position] ^= 0xff
            _ = try? LaunchPlan(decoding: broken)
        }
    }

    @Test("messages survive their encoding")
    func messages() throws {
        for message: ShimMessage in [
            .started(process: 7), .failed(step: "exec", reason: "no", exitCode: 127),
            .exited(code: 3, atNanoseconds: 9),
            .hello(
                id: "x", process: 1, startedAtNanoseconds: 2, exit: ExitRecord(code: 0, atNanoseconds: 1),
                tags: ["pidfd", "input"]),
        ] { #expect(try ShimMessage(decoding: message.encoded()) == message) }
        for message: EngineMessage in [.keep(tags: ["a"]), .closeInput, .deferLogDeletion(true), .dismissed, .detached]
        {
            #expect(try EngineMessage(decoding: message.encoded()) == message)
        }
    }

    @Test("an exit record reads what it wrote, and nothing else")
    func records() {
        #expect(
            ExitRecord(text: ExitRecord(code: 137, atNanoseconds: 5).text) == ExitRecord(code: 137, atNanoseconds: 5))
        for text in ["", "1", "a b", "1 2 3"] { #expect(ExitRecord(text: text) == nil) }
    }
}
