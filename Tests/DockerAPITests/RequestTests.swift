import DockerAPI
import EngineModel
import Testing

@Suite struct UpdateRequestTests {
    private func update(_ text: String) throws -> ContainerUpdate {
        try ContainerUpdate(JSON(parsing: text).decode(ContainerUpdateRequest.self))
    }

    @Test("absent and zero members leave a limit as it is")
    func unchanged() throws {
        let old = {
            var spec = ResourceSpec(); spec.memoryBytes = 1 << 30; spec.cpuShares = 512; return spec
        }()
        #expect(try update("{}").applied(to: old) == old)
        #expect(
            try update(#"{"Memory":0,"CpusetCpus":"","CpuShares":null,"RestartPolicy":{"Name":""}}"#).applied(to: old)
                == old)
        let new = try update(#"{"memory":2147483648,"NanoCpus":500000000}"#).applied(to: old)
        #expect(new.memoryBytes == 2 << 30 && new.nanoCPUs == 500_000_000 && new.cpuShares == 512)
    }

    @Test("no processes and -1 lift the limit of processes")
    func processes() throws {
        #expect(try update(#"{"PidsLimit":0}"#).maximumProcesses == -1)
        #expect(try update(#"{"PidsLimit":-1}"#).maximumProcesses == -1)
        #expect(try update(#"{"PidsLimit":null}"#).maximumProcesses == nil)
    }

    @Test(
        "nonsense is refused as at create",
        arguments: [
            #"{"BlkioWeight":70000}"#, #"{"BlkioWeight":-1}"#, #"{"Memory":"1g"}"#, #"{"CpuShares":1.5}"#,
            #"{"RestartPolicy":{"Name":"on-failure:5"}}"#,
            #"{"RestartPolicy":{"Name":"always","MaximumRetryCount":2}}"#,
            #"{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":-1}}"#,
            #"{"RestartPolicy":{"Name":"","MaximumRetryCount":1}}"#,
        ])
    func refused(text: String) {
        let error = #expect(throws: RoostError.self) { try update(text) }
        #expect(error.map { $0.kind == .invalidArgument } == true)
    }

    @Test("a policy goes both ways")
    func policies() throws {
        for text in ["no", "always", "unless-stopped", "on-failure:3"] {
            let policy = try RestartPolicySpec(parsing: text)
            #expect(try RestartPolicySpec(RestartPolicy(policy)) == policy)
        }
    }
}

@Suite struct FilterTests {
    @Test(
        "both forms of filters", arguments: [#"{"label":["a=b","c"]}"#, #"{"label":{"a=b":true,"c":true,"d":false}}"#])
    func forms(text: String) throws {
        let filters = try Filters(query: text, known: ["label"])
        #expect(filters["label"].sorted() == ["a=b", "c"])
        #expect(filters.matchesLabels(["a": "b", "c": ""]) && !filters.matchesLabels(["a": "x", "c": ""]))
    }

    @Test(
        "a filter that is not understood is refused, not ignored",
        arguments: ["[]", #"{"nosuch":["a"]}"#, #"{"label":"a"}"#, "{"])
    func refused(text: String) { #expect(throws: RoostError.self) { try Filters(query: text, known: ["label"]) } }

    @Test(
        "truth values as Go reads them",
        arguments: [("1", true), ("t", true), ("TRUE", true), ("0", false), ("False", false)])
    func truths(text: String, value: Bool) throws { #expect(try Filters(["x": [text]]).truth("x") == value) }

    @Test("an unknown truth value is refused; none is none")
    func truth() throws {
        #expect(throws: RoostError.self) { try Filters(["x": ["yes"]]).truth("x") }
        #expect(try Filters().truth("x") == nil)
    }

    @Test("a filter without values matches everything")
    func matching() {
        #expect(Filters().matches("a") { _ in false } && !Filters(["a": ["1"]]).matches("a") { _ in false })
        #expect(Filters(["a": ["1", "2"]]).matches("a") { $0 == "2" })
    }
}

@Suite struct VersionTests {
    @Test(
        "versions are compared as numbers",
        arguments: [
            ("1.24", 1024), ("1.48", 1048), ("2.0", 2000), ("1", nil), ("1.2.3", nil), ("-1.1", nil), ("1.+4", nil),
            ("1.1000", nil),
        ]
            as [(String, Int?)])
    func numbers(text: String, number: Int?) { #expect(APIVersion.number(text) == number) }

    @Test("every kind of error has a status of its own and comes back by it")
    func statuses() {
        let kinds: [RoostError.Kind] = [
            .invalidArgument, .unauthorized, .forbidden, .notFound, .conflict, .notModified, .unsupported, .unavailable,
            .failure,
        ]
        #expect(Set(kinds.map(httpStatus)).count == kinds.count)
        for kind in kinds { #expect(errorKind(forStatus: httpStatus(for: kind)) == kind) }
    }
}

@Suite struct PercentEncodingTests {
    @Test("encoded text comes back", arguments: ["a b", "100%", "é/ü", "a+b=c&d", "", "~._-"])
    func roundTrip(text: String) {
        #expect(String(decoding: PercentEncoding.decode(PercentEncoding.encode(text)), as: UTF8.self) == text)
    }

    @Test("unreserved characters stay, and a plus sign is a space in queries only")
    func forms() {
        #expect(PercentEncoding.encode("aZ09-._~ /") == "aZ09-._~%20%2F")
        #expect(PercentEncoding.encode("a b%".utf8, except: .printable) == "a b%25")
        #expect(PercentEncoding.decode("a+b", plusIsBlank: true) == Array("a b".utf8))
        #expect(
            PercentEncoding.decode("a+b%2") == Array("a+b%2".utf8) && PercentEncoding.decode("%+1") == Array("%+1".utf8)
        )
    }
}

@Suite struct CreateRequestTests {
    private func network(_ text: String) throws -> NetworkSpec {
        try NetworkSpec(JSON(parsing: text).request(NetworkCreateRequest.self))
    }

    @Test("a network as clients ask for it")
    func networks() throws {
        let spec = try network(
            #"{"Name":"n","Driver":"bridge","Internal":true,"EnableIPv6":true,"Labels":{"a":"b","c":null},"Options":null,"IPAM":{"Driver":"default","Config":[{"Subnet":"172.28.0.0/16","IPRange":"172.28.5.0/24","Gateway":"172.28.5.254","AuxiliaryAddresses":{"h":"172.28.1.5"}},{"Subnet":"fd00::/64"}]}}"#
        )
        #expect(spec.name == "n" && spec.isInternal && spec.enableVersion4 && spec.enableVersion6)
        #expect(spec.labels == ["a": "b", "c": ""] && spec.options.isEmpty && spec.subnets.count == 2)
        #expect(
            spec.ranges.map(\.description) == ["172.28.5.0/24"] && spec.gateways.map(\.description) == ["172.28.5.254"])
        #expect(spec.auxiliary["h"]?.description == "172.28.1.5")
    }

    @Test(
        "what does not fit together is refused, with its kind",
        arguments: [
            (#"{"IPAM":{"Config":[{}]}}"#, RoostError.Kind.invalidArgument),
            (#"{"IPAM":{"Config":[{"Subnet":"x"}]}}"#, .invalidArgument),
            (#"{"IPAM":{"Config":[{"Subnet":"10.0.0.1/24"}]}}"#, .invalidArgument),
            (#"{"IPAM":{"Config":[{"Subnet":"10.0.0.0/24","IPRange":"10.1.0.0/25"}]}}"#, .invalidArgument),
            (#"{"IPAM":{"Config":[{"Subnet":"10.0.0.0/24","IPRange":"10.0.0.1/25"}]}}"#, .invalidArgument),
            (#"{"IPAM":{"Config":[{"Subnet":"10.0.0.0/24","Gateway":"x"}]}}"#, .invalidArgument),
            (
                #"{"IPAM":{"Config":[{"Subnet":"10.0.0.0/24","AuxiliaryAddresses":{"a":"10.9.0.1"}}]}}"#,
                .invalidArgument
            ),
            (#"{"IPAM":{"Config":[{"Subnet":"10.0.0.0/24"},{"Subnet":"10.0.1.0/24"}]}}"#, .forbidden),
            (#"{"IPAM":{"Driver":"nosuch"}}"#, .notFound), (#"{"Ingress":true}"#, .forbidden),
            (#"{"Scope":"swarm"}"#, .forbidden), (#"{"ConfigFrom":{"Network":"x"}}"#, .notFound),
            (#"{"Name":"a\u0000b"}"#, .invalidArgument), (#"{"Labels":{"a":1}}"#, .invalidArgument),
            (#"{"Internal":"yes"}"#, .invalidArgument), (#"[]"#, .invalidArgument),
        ])
    func refusedNetworks(text: String, kind: RoostError.Kind) {
        let error = #expect(throws: RoostError.self) { try network(text) }
        #expect(error.map { $0.kind == kind } == true, "\(error?.message ?? "")")
    }

    @Test("what the command line sends is what the server reads, in Docker's names")
    func execs() throws {
        var request = ExecCreateRequest(command: ["sh", "-c", "true"])
        request.attachStdin = false
        request.tty = true
        request.environment = ["A=1"]
        request.consoleSize = [24, 80]
        let json = try JSON(encoding: request)
        #expect(
            json.text()
                == #"{"AttachStdin":false,"Tty":true,"Env":["A=1"],"Cmd":["sh","-c","true"],"ConsoleSize":[24,80]}"#)
        #expect(try json.request(ExecCreateRequest.self) == request)
        #expect(try JSON(encoding: ExecStartRequest(detach: true)).text() == #"{"Detach":true}"#)
    }

    @Test("null and absent members of a volume are the same")
    func volumes() throws {
        let request = try JSON(parsing: #"{"Name":null,"DriverOpts":null}"#).request(VolumeCreateRequest.self)
        #expect(request.name == nil && request.driverOptions == nil && request.labels == nil)
    }
}
