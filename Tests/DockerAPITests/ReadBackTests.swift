import DockerAPI
import EngineModel
import Testing

/// What a client has written it reads again: tools compare it in order to see whether something has changed.
@Suite struct ReadBackTests {
    private func shown(_ host: JSON, _ config: JSON = .object([])) throws -> JSON {
        var body = config
        body.set("Image", "busybox")
        body.set("HostConfig", host)
        let spec = try ContainerSpec(wire: body)
        let record = ContainerRecord(
            id: String(repeating: "a", count: 64), name: "one", createdAt: 0, spec: spec, status: ContainerStatus(),
            imageID: "sha256:1", arguments: ["sh"], environment: [], workingDirectory: "", user: "",
            stopSignal: "SIGTERM", healthcheck: nil, mounts: [], endpoints: [], publishedPorts: [])
        return record.inspectJSON(networks: [:], paths: (data: "/d", log: "/l", execs: []))
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
        #expect(try shown([member: value])["HostConfig"][member].text() == value.text())
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
    func olderClients() {
        let body: JSON = [
            "HostConfig": ["Annotations": ["a": "b"]], "Healthcheck": ["Retries": 3, "StartInterval": 5],
            "NetworkingConfig": ["EndpointsConfig": ["net": ["MacAddress": "02:00:00:00:00:01", "Aliases": ["x"]]]],
        ]
        let old = LegacyClients.adapted(body, version: 1039)
        #expect(old["HostConfig"]["Annotations"].isNull && old["HostConfig"]["IpcMode"] == "shareable")
        #expect(old["Healthcheck"]["StartInterval"].isNull && old["Healthcheck"]["Retries"].int == 3)
        let endpoint = old["NetworkingConfig"]["EndpointsConfig"]["net"]
        #expect(endpoint["MacAddress"].isNull && endpoint["Aliases"].strings == ["x"])
        #expect(LegacyClients.adapted(body, version: 1044) == body)
    }

    @Test("a network shows the options and gateways that were given, and no others")
    func network() throws {
        var record = NetworkRecord(
            id: "n", name: "net", driver: "bridge", createdAt: 0, subnet4: Subnet("172.29.8.0/24"),
            gateway4: IPAddress("172.29.8.1"), subnet6: nil, gateway6: nil, isInternal: false, labels: [:],
            options: [:], bridge: "rbx")
        let chosen = record.json(members: [])
        #expect(chosen["Options"].text() == "{}")
        #expect(chosen["IPAM"]["Config"].text() == #"[{"Subnet":"172.29.8.0/24","Gateway":"172.29.8.1"}]"#)
        record.askedSubnets = [try #require(Subnet("172.29.8.0/24"))]
        #expect(record.json(members: [])["IPAM"]["Config"].text() == #"[{"Subnet":"172.29.8.0/24"}]"#)
    }
}
