import APIClient
import ArgumentParser
import EngineModel
import Terminal

struct Network: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network", abstract: "Work with networks.",
        subcommands: [
            Ls.self, CreateNetwork.self, InspectNetwork.self, RemoveNetwork.self, Prune.self, Connect.self,
            Disconnect.self,
        ])
    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "List networks.", aliases: ["list"])
        @Flag(name: [.short, .long], help: "Ids only.") var quiet = false
        @Flag(name: .long, help: "Nothing shortened.") var noTrunc = false
        @Option(name: [.short, .long], help: "key=value.") var filter: [String] = []
        @Option(name: .long, help: "json, or a template.") var format: String?
        func run() throws {
            let rows = (try Session.shared.client().call("GET", "networks", try filterQuery(filter)).array ?? []).map {
                network -> JSON in
                let id = network["Id"].string ?? ""
                let labels = network["Labels"].stringMap ?? [:]
                return [
                    "ID": .string(noTrunc ? id : String(id.prefix(12))), "Name": .string(network["Name"].string ?? ""),
                    "Driver": .string(network["Driver"].string ?? ""), "Scope": "local",
                    "IPv4": .string(network["EnableIPv4"].bool == false ? "false" : "true"),
                    "IPv6": .string(network["EnableIPv6"].bool == true ? "true" : "false"),
                    "Internal": .string(network["Internal"].bool == true ? "true" : "false"),
                    "Labels": .string(
                        labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")),
                    "CreatedAt": .string(network["Created"].string ?? ""),
                ]
            }
            try Listing.show(
                rows, format ?? (quiet ? nil : DockerConfiguration.preference("networksFormat")),
                columns: [("ID", "NETWORK ID"), ("Name", "NAME"), ("Driver", "DRIVER"), ("Scope", "SCOPE")],
                more: [("IPv6", "IPV6"), ("Internal", "INTERNAL"), ("Labels", "LABELS")], quiet: quiet ? "ID" : nil)
        }
    }
    struct CreateNetwork: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Create a network.",
            discussion: "Example: roost network create --subnet 172.30.0.0/16 --gateway 172.30.0.1 backend")
        @Option(name: [.short, .long], help: "bridge.") var driver = "bridge"
        @Option(name: .long, help: "A range of addresses: 172.30.0.0/16.") var subnet: [String] = []
        @Option(name: .long, help: "The bridge's own address.") var gateway: [String] = []
        @Option(name: .long, help: "Lease addresses from this part of the subnet only.") var ipRange: [String] = []
        @Option(name: .long, help: "Addresses that are not leased: name=address.") var auxAddress: [String] = []
        @Option(name: .long, help: "default.") var ipamDriver = "default"
        @Option(name: .long, help: "Accepted: name=value.") var ipamOpt: [String] = []
        @Option(name: [.short, .long], help: "An option of the driver: name=value.") var opt: [String] = []
        @Option(name: .long, help: "name=value.") var label: [String] = []
        @Flag(name: .customLong("internal"), help: "No way out.") var isInternal = false
        @Flag(name: .long, help: "Accepted; every network is.") var attachable = false
        @Flag(name: .long, help: "IPv6 addresses too.") var ipv6 = false
        @Flag(name: .long, inversion: .prefixedNo, help: "IPv4 addresses.") var ipv4 = true
        @Option(name: .long, help: "local.") var scope: String?
        @Flag(name: .long, help: .hidden) var configOnly = false
        @Option(name: .long, help: .hidden) var configFrom: String?
        @Flag(name: .long, help: .hidden) var ingress = false
        @Argument var name: String
        func run() throws {
            if configOnly || configFrom != nil || ingress || scope.map({ $0 != "local" }) == true {
                throw RoostError(.unsupported, "networks of a swarm are not for this engine: it has one host")
            }
            guard gateway.count <= subnet.count, ipRange.count <= subnet.count else {
                throw RoostError.invalid("every --gateway and --ip-range needs a --subnet of its own")
            }
            let pools = subnet.enumerated().map { index, text -> JSON in
                var pool: JSON = ["Subnet": .string(text)]
                if index < gateway.count { pool.set("Gateway", .string(gateway[index])) }
                if index < ipRange.count { pool.set("IPRange", .string(ipRange[index])) }
                if index == 0, !auxAddress.isEmpty {
                    pool.set(
                        "AuxiliaryAddresses",
                        .object(auxAddress.map(ContainerOptions.pair).map { ($0.0, .string($0.1)) }))
                }
                return pool
            }
            func map(_ list: [String]) -> JSON {
                .object(list.map(ContainerOptions.pair).map { ($0.0, .string($0.1)) })
            }
            Output.line(
                try Session.shared.client().call(
                    "POST", "networks/create",
                    body: [
                        "Name": .string(name), "Driver": .string(driver), "Internal": .bool(isInternal),
                        "EnableIPv4": .bool(ipv4), "EnableIPv6": .bool(ipv6), "Options": map(opt), "Labels": map(label),
                        "IPAM": ["Driver": .string(ipamDriver), "Config": .array(pools)],
                    ])["Id"].string ?? "")
        }
    }
    struct Connect: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "connect", abstract: "Join a container to one more network, also while it runs.")
        @Option(name: .long, help: "Another name on that network.") var alias: [String] = []
        @Option(name: .long, help: "Its address.") var ip: String?
        @Option(name: .long, help: "Its IPv6 address.") var ip6: String?
        @Option(name: .long, help: "A name for another container: target:alias.") var link: [String] = []
        @Option(name: .long, help: "An option of its endpoint: name=value.") var driverOpt: [String] = []
        @Option(name: .long, help: "The highest leads to the world.") var gwPriority: Int?
        @Option(name: .customLong("link-local-ip"), help: "A link-local address.") var linkLocalIP: [String] = []
        @Argument var network: String
        @Argument var container: String
        func run() throws {
            var addresses: JSON = .object([])
            if let ip { addresses.set("IPv4Address", .string(ip)) }
            if let ip6 { addresses.set("IPv6Address", .string(ip6)) }
            if !linkLocalIP.isEmpty { addresses.set("LinkLocalIPs", JSON(linkLocalIP)) }
            var endpoint: JSON = ["Aliases": JSON(alias), "Links": JSON(link), "IPAMConfig": addresses]
            if !driverOpt.isEmpty {
                endpoint.set(
                    "DriverOpts", .object(driverOpt.map(ContainerOptions.pair).map { ($0.0, .string($0.1)) }))
            }
            if let gwPriority { endpoint.set("GwPriority", JSON(gwPriority)) }
            try Session.shared.client().call(
                "POST", "networks/\(EngineClient.encode(network))/connect",
                body: ["Container": .string(container), "EndpointConfig": endpoint])
        }
    }
    struct Disconnect: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "disconnect", abstract: "Take a container off a network.")
        @Flag(name: [.short, .long], help: "Although the container is gone.") var force = false
        @Argument var network: String
        @Argument var container: String
        func run() throws {
            try Session.shared.client().call(
                "POST", "networks/\(EngineClient.encode(network))/disconnect",
                body: ["Container": .string(container), "Force": .bool(force)])
        }
    }
    struct InspectNetwork: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Show everything about networks.")
        @Option(name: [.short, .long]) var format: String?
        @Flag(name: [.short, .long], help: .hidden) var verbose = false
        @Argument var names: [String]
        func run() throws { try Inspect.show(names, kinds: ["networks"], format) }
    }
    struct RemoveNetwork: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove networks.", aliases: ["remove"])
        @Flag(name: [.short, .long], help: "One that is not there is no failure.") var force = false
        @Argument var names: [String]
        func run() throws {
            try forEach(names.map { ($0, $0) }) {
                do { try Session.shared.client().call("DELETE", "networks/\(EngineClient.encode($0))") } catch let error
                    as RoostError
                {
                    guard force, error.kind == .notFound else { throw error }
                }
            }
        }
    }
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove networks that no container uses.")
        @OptionGroup var options: PruneOptions
        func run() throws {
            guard try options.confirm("This will remove all custom networks not used by at least one container.") else {
                return
            }
            options.show("Networks", try options.send("networks/prune")["NetworksDeleted"].strings ?? [])
        }
    }
}
