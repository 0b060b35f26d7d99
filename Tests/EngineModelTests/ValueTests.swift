import EngineModel
import Testing

@Suite struct ValueTests {
    @Test(
        "sizes are counted by 1024, as Docker counts them",
        arguments: [("512m", 536_870_912), ("1.5g", 1_610_612_736), ("10kib", 10_240), ("-1", -1), ("7", 7)]
            as [(String, Int64)])
    func sizes(text: String, bytes: Int64) { #expect(ByteSize.parse(text) == bytes) }

    @Test("what is no size is refused", arguments: ["", "m", "1x", "1.2.3", "12 parsecs"])
    func badSizes(text: String) { #expect(ByteSize.parse(text) == nil) }

    @Test(
        "durations read and print as Go's",
        arguments: [
            ("90s", "1m30s"), ("1m", "1m0s"), ("1.5s", "1.5s"), ("100ms", "100ms"), ("0", "0s"), ("1h", "1h0m0s"),
        ])
    func durations(text: String, printed: String) { #expect(TimeSpan.parse(text).map(TimeSpan.text) == printed) }

    @Test("a time survives printing and reading")
    func timestamps() {
        let time = Timestamp(nanoseconds: 1_795_224_198_099_313_278)
        #expect(time.rfc3339 == "2026-11-21T01:23:18.099313278Z")
        #expect(Timestamp(parsing: time.rfc3339) == time)
        #expect(Timestamp(parsing: "1795224198.099313278") == time)
        #expect(Timestamp(parsing: "2026-11-21T02:23:18.099313278+01:00") == time)
        #expect(Timestamp(parsing: "yesterday") == nil)
    }

    @Test("a time without a zone is meant by the user's clock")
    func zones() {
        let nine = Timestamp(parsing: "2026-11-21T09:00:00Z")
        #expect(nine != nil)
        for text in ["2026-11-21T10:00:00", "2026-11-21T10:00", "2026-11-21T10", "2026-11-21T09:00:00Z"] {
            #expect(Timestamp(parsing: text, zoneSeconds: 3600) == nine, "\(text)")
        }
        #expect(Timestamp(parsing: "2026-11-21", zoneSeconds: -3600) == Timestamp(parsing: "2026-11-21T01:00:00Z"))
    }

    @Test(
        "a subpath stays in its volume by its names alone",
        arguments: [("a/b", true), ("a/../b", true), (".", true), ("..", false), ("a/../../b", false), ("/a", false)])
    func subpaths(path: String, isLocal: Bool) { #expect(MountSpec.isLocal(path) == isLocal) }

    @Test("capabilities go out as Docker's command line sends them")
    func capabilities() {
        #expect(
            SecuritySpec.normalized(capabilities: ["net_admin", "NET_ADMIN", "CAP_SYS_TIME", "all"]) == [
                "ALL", "CAP_NET_ADMIN", "CAP_SYS_TIME",
            ])
    }

    @Test(
        "addresses print as RFC 5952 says",
        arguments: [
            ("::1", "::1"), ("fd00:0:0:1::5", "fd00:0:0:1::5"), ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
            ("10.0.0.1", "10.0.0.1"),
        ])
    func addresses(text: String, printed: String) { #expect(IPAddress(text)?.description == printed) }

    @Test(
        "what is no address is refused",
        arguments: ["", "256.1.1.1", "1.2.3", "::1::2", "12345::", "1.2.3.4.5", "g::1"])
    func badAddresses(text: String) { #expect(IPAddress(text) == nil) }

    @Test("a subnet contains what has its beginning")
    func subnets() throws {
        let subnet = try #require(Subnet("172.20.5.9/24"))
        #expect(subnet.description == "172.20.5.0/24")
        #expect(subnet.contains(try #require(IPAddress("172.20.5.255"))))
        #expect(!subnet.contains(try #require(IPAddress("172.20.6.0"))))
        #expect(subnet.overlaps(try #require(Subnet("172.20.0.0/16"))))
        #expect(subnet.last.description == "172.20.5.255")
    }

    @Test("short ports in all their forms")
    func ports() throws {
        #expect(
            try PortBinding.parse("80") == [
                PortBinding(container: ContainerPort(80), hostAddress: nil, hostPorts: 0...0)
            ])
        #expect(
            try PortBinding.parse("8080:80/udp") == [
                PortBinding(container: ContainerPort(80, .udp), hostAddress: nil, hostPorts: 8080...8080)
            ])
        #expect(try PortBinding.parse("127.0.0.1:8000-8001:80-81").map(\.hostPorts) == [8000...8000, 8001...8001])
        #expect(try PortBinding.parse("8000-8009:80").map(\.hostPorts) == [8000...8009])
        #expect(try PortBinding.parse("[::1]:6001:6001").first?.hostAddress == IPAddress("::1"))
        #expect(try PortBinding.parse("127.0.0.1::5000").first?.hostPorts == 0...0)
    }

    @Test(
        "bad ports are refused and named",
        arguments: [
            "", "abc", "80:0", "70000", "80:80:80:80", "8080-8082:80-83", "80/foo", "8081-8080:80", "1.2.3:80:80",
        ])
    func badPorts(text: String) { #expect(throws: RoostError.self) { try PortBinding.parse(text) } }

    @Test("JSON keeps the order of keys and refuses what is broken or too deep")
    func json() throws {
        let text = #"{"b":1,"a":[true,null,"x\nyé\u00e9"],"c":{"d":1.5}}"#
        #expect(try JSON(parsing: text).text() == #"{"b":1,"a":[true,null,"x\nyéé"],"c":{"d":1.5}}"#)
        for broken in ["", "{", "[1,]", "{\"a\":}", "tru", "\"\\x\"", "1 2", "{\"a\" 1}"] {
            #expect(throws: RoostError.self) { try JSON(parsing: broken) }
        }
        #expect(throws: RoostError.self) { try JSON(parsing: String(repeating: "[", count: 100_000)) }
    }

    @Test("signals by every name")
    func signals() throws {
        for (text, number) in [("TERM", 15), ("SIGKILL", 9), ("9", 9), ("sigint", 2), ("RTMIN+3", 37)]
            as [(String, Int32)]
        { #expect(try Signals.number(text) == number) }
        #expect(throws: RoostError.self) { try Signals.number("NOPE") }
    }

    @Test("restart policies", arguments: ["always:3", "sometimes", "on-failure:x", "on-failure:-1"])
    func badPolicies(text: String) { #expect(throws: RoostError.self) { try RestartPolicySpec(parsing: text) } }
}

@Suite struct ExactQuantityTests {
    @Test(
        "durations as Go reads them",
        arguments: [
            ("1\u{3bc}s", 1000), ("1\u{b5}s", 1000), ("1.9999999999s", 1_999_999_999), ("0.123456789s", 123_456_789),
            ("2562047h", 9_223_369_200_000_000_000), ("1h30m", 5_400_000_000_000), (".5s", 500_000_000),
            ("2562048h", nil), ("1.s", 1_000_000_000), (".s", nil), ("s", nil), ("1h s", nil), ("1", nil),
        ] as [(String, Int64?)])
    func durations(text: String, nanoseconds: Int64?) { #expect(TimeSpan.parse(text) == nanoseconds) }

    @Test(
        "sizes up to the largest",
        arguments: [
            ("9223372036854775807", Int64.max), ("9223372036854771712", 9_223_372_036_854_771_712),
            ("8191p", 9_222_246_136_947_933_184), ("8192p", nil), ("1.5k", 1536), ("-1", -1),
        ] as [(String, Int64?)])
    func sizes(text: String, bytes: Int64?) { #expect(ByteSize.parse(text) == bytes) }
}
