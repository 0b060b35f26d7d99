import DockerAPI
import EngineModel
import Testing

/// What a client has written it reads again: tools compare it in order to see whether something has changed.
@Suite struct ReadBackTests {
    private func shown(_ host: JSON, _ config: JSON = .object([])) throws -> JSON {
        var body = config
        body.set("Image", "busybox")
        body.set("HostConfig", host)
        let spec = try ContainerSpec(try body.request(ContainerCreateRequest.self))
        let record = ContainerRecord(
            id: String(repeating: "a", count: 64), name: "one", createdAt: 0, spec: spec, status: ContainerStatus(),
            imageID: "sha256:1", arguments: ["sh"], environment: [], workingDirectory: "", user: "",
            stopSignal: "SIGTERM", healthcheck: nil, mounts: [], endpoints: [], publishedPorts: [])
        return try JSON(
            encoding: ContainerInspect(record, networks: [:], directory: "/d", log: "/l", execs: []))
    }

    @Test(
        "members of HostConfig come back as they were written",
        arguments: [
            ("CapAdd", ["NET_ADMIN", "net_raw"]), ("Dns", []), ("DnsSearch", ["a.example"]), ("Init", false),
            ("PortBindings", ["81": [["HostPort": "8081"]]]), ("Devices", []), ("ShmSize", 1024),
            ("Binds", ["/tmp:/t:ro"]), ("Ulimits", [["Name": "nofile", "Soft": 10, "Hard": 20]]),
            ("Tmpfs", ["/t": "size=1m"]),
        ] as [(String, JSON)])
    func written(member: String, value: JSON) throws {
        #expect(try shown([member: value])["HostConfig"][member] == value)
    }

    @Test(
        "members that nobody wrote are null",
        arguments: [
            "Binds", "PortBindings", "VolumesFrom", "CapAdd", "CapDrop", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts",
            "GroupAdd", "Links", "SecurityOpt", "BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps",
            "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps", "Devices", "DeviceCgroupRules", "DeviceRequests", "Ulimits",
            "MemorySwappiness", "PidsLimit",
        ])
    func blank(member: String) throws { #expect(try shown(.object([]))["HostConfig"][member].isNull) }

    @Test("what came later than a client's version is not taken from it")
    func olderClients() throws {
        let body: JSON = [
            "HostConfig": ["Annotations": ["a": "b"], "ConsoleSize": [1, 2]],
            "Healthcheck": ["Retries": 3, "StartInterval": 5],
            "NetworkingConfig": ["EndpointsConfig": ["net": ["MacAddress": "02:00:00:00:00:01", "Aliases": ["x"]]]],
        ]
        let request = try body.request(ContainerCreateRequest.self)
        let old = request.adapted(fromVersion: 1039)
        #expect(old.hostConfig?.annotations == nil && old.hostConfig?.consoleSize == nil)
        #expect(old.hostConfig?.ipcMode == "shareable")
        #expect(old.config.healthcheck?.startInterval == nil && old.config.healthcheck?.retries == 3)
        let endpoint = old.networkingConfig?.endpointsConfig?["net"]
        #expect(endpoint?.macAddress == nil && endpoint?.aliases == ["x"])
        #expect(request.adapted(fromVersion: 1044) == request)
    }

    @Test("a network shows the options and gateways that were given, and no others")
    func network() throws {
        var record = NetworkRecord(
            id: "n", name: "net", driver: "bridge", createdAt: 0, subnet4: Subnet("172.29.8.0/24"),
            gateway4: IPAddress("172.29.8.1"), subnet6: nil, gateway6: nil, isInternal: false, labels: [:],
            options: [:], bridge: "rbx")
        func shown() throws -> JSON { try JSON(encoding: NetworkInspect(record, members: [])) }
        let chosen = try shown()
        #expect(chosen["Options"].text() == "{}")
        #expect(chosen["IPAM"]["Config"].text() == #"[{"Subnet":"172.29.8.0/24","Gateway":"172.29.8.1"}]"#)
        record.requestedSubnets = [try #require(Subnet("172.29.8.0/24"))]
        #expect(try shown()["IPAM"]["Config"].text() == #"[{"Subnet":"172.29.8.0/24"}]"#)
    }
}
