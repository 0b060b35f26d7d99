import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import Terminal

struct Network: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network", abstract: "Manage networks",
        subcommands: [
            Ls.self, CreateNetwork.self, InspectNetwork.self, RemoveNetwork.self, Prune.self, Connect.self,
            Disconnect.self,
        ])
    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "List networks", aliases: ["list"])
        @Flag(name: [.short, .long], help: "Only display network IDs") var quiet = false
        @Flag(name: .long, help: "Do not truncate output") var noTrunc = false
        @Option(
            name: [.short, .long],
            help: ArgumentHelp("Filter output based on conditions provided (key=value)", valueName: "filter"))
        var filter: [String] = []
        @Option(name: .long, help: ArgumentHelp("Format output (table, json or a Go template)", valueName: "string"))
        var format: String?
        func run() throws {
            let networks: [NetworkInspect] = try CommandContext.shared.client().get("networks", try filterQuery(filter))
            let rows = networks.map { network -> JSON in
                [
                    "ID": .string(noTrunc ? network.id : String(network.id.prefix(12))), "Name": .string(network.name),
                    "Driver": .string(network.driver), "Scope": "local",
                    "IPv4": .string("\(network.enableIPv4)"), "IPv6": .string("\(network.enableIPv6)"),
                    "Internal": .string("\(network.isInternal)"), "Labels": .string(labelText(network.labels)),
                    "CreatedAt": .string(network.created),
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
            commandName: "create", abstract: "Create a network",
            discussion: "Example: roost network create --subnet 172.30.0.0/16 --gateway 172.30.0.1 backend")
        @Option(name: [.short, .long], help: ArgumentHelp("Driver to manage the network", valueName: "string"))
        var driver = "bridge"
        @Option(
            name: .long,
            help: ArgumentHelp("Subnet in CIDR format that represents a network segment", valueName: "strings"))
        var subnet: [String] = []
        @Option(name: .long, help: ArgumentHelp("IPv4 or IPv6 gateway for the subnet", valueName: "strings"))
        var gateway: [String] = []
        @Option(name: .long, help: ArgumentHelp("Allocate container IPs from a sub-range", valueName: "strings"))
        var ipRange: [String] = []
        @Option(
            name: .long,
            help: ArgumentHelp("Addresses that are not allocated to containers (name=address)", valueName: "map"))
        var auxAddress: [String] = []
        @Option(name: .long, help: ArgumentHelp("IP address management driver", valueName: "string"))
        var ipamDriver = "default"
        @Option(name: .long, help: ArgumentHelp("No effect; accepted for compatibility", valueName: "map"))
        var ipamOpt: [String] = []
        @Option(
            name: [.short, .long], help: ArgumentHelp("Set driver specific options (name=value)", valueName: "map"))
        var opt: [String] = []
        @Option(name: .long, help: ArgumentHelp("Set metadata on the network (name=value)", valueName: "list"))
        var label: [String] = []
        @Flag(name: .customLong("internal"), help: "Restrict external access to the network") var isInternal = false
        @Flag(name: .long, help: "No effect; every network is attachable") var attachable = false
        @Flag(name: .long, help: "Enable IPv6 address assignment") var ipv6 = false
        @Flag(name: .long, inversion: .prefixedNo, help: "Enable IPv4 address assignment") var ipv4 = true
        @Option(name: .long, help: ArgumentHelp("Scope of the network (local)", valueName: "string")) var scope: String?
        @Flag(name: .long, help: .hidden) var configOnly = false
        @Option(name: .long, help: .hidden) var configFrom: String?
        @Flag(name: .long, help: .hidden) var ingress = false
        @Argument(help: ArgumentHelp("Name of the network", valueName: "network")) var name: String
        func run() throws {
            if configOnly || configFrom != nil || ingress || scope.map({ $0 != "local" }) == true {
                throw RoostError(.unsupported, "swarm networks are not supported")
            }
            guard gateway.count <= subnet.count, ipRange.count <= subnet.count else {
                throw RoostError.invalid("every --ip-range or --gateway must have a corresponding --subnet")
            }
            var request = NetworkCreateRequest(name: name)
            request.driver = driver
            request.isInternal = isInternal
            request.enableIPv4 = ipv4
            request.enableIPv6 = ipv6
            request.options = ContainerOptions.map(opt)
            request.labels = ContainerOptions.map(label)
            request.ipam = .init(driver: ipamDriver, config: pools)
            let created: NetworkCreateResponse = try CommandContext.shared.client().post("networks/create", [], request)
            Output.line(created.id)
        }

        private var pools: [NetworkCreateRequest.Pool] {
            subnet.enumerated().map { index, text in
                var pool = NetworkCreateRequest.Pool(subnet: text)
                if index < gateway.count { pool.gateway = gateway[index] }
                if index < ipRange.count { pool.ipRange = ipRange[index] }
                if index == 0, !auxAddress.isEmpty { pool.auxiliaryAddresses = ContainerOptions.map(auxAddress) }
                return pool
            }
        }
    }
    struct Connect: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "connect", abstract: "Connect a container to a network")
        @Option(name: .long, help: ArgumentHelp("Add a network-scoped alias for the container", valueName: "strings"))
        var alias: [String] = []
        @Option(name: .long, help: ArgumentHelp("IPv4 address (e.g. 172.30.100.104)", valueName: "string"))
        var ip: String?
        @Option(name: .long, help: ArgumentHelp("IPv6 address (e.g. 2001:db8::33)", valueName: "string"))
        var ip6: String?
        @Option(name: .long, help: ArgumentHelp("Add a link to another container (container:alias)", valueName: "list"))
        var link: [String] = []
        @Option(name: .long, help: ArgumentHelp("Driver options for the endpoint (name=value)", valueName: "strings"))
        var driverOpt: [String] = []
        @Option(
            name: .long,
            help: ArgumentHelp("The network with the highest priority provides the default gateway", valueName: "int"))
        var gwPriority: Int?
        @Option(
            name: .customLong("link-local-ip"),
            help: ArgumentHelp("Add a link-local address for the container", valueName: "strings"))
        var linkLocalIP: [String] = []
        @Argument(help: ArgumentHelp("Network", valueName: "network")) var network: String
        @Argument(help: ArgumentHelp("Container", valueName: "container")) var container: String
        func run() throws {
            var addresses = EndpointIPAMConfig()
            addresses.ipv4Address = ip
            addresses.ipv6Address = ip6
            addresses.linkLocalIPs = linkLocalIP.isEmpty ? nil : linkLocalIP
            var endpoint = EndpointSettings()
            endpoint.aliases = alias
            endpoint.links = link
            endpoint.ipamConfig = addresses
            endpoint.driverOptions = driverOpt.isEmpty ? nil : ContainerOptions.map(driverOpt)
            endpoint.gatewayPriority = gwPriority.map(Int64.init)
            var request = NetworkConnectRequest()
            request.container = container
            request.endpointConfig = endpoint
            try CommandContext.shared.client().call(
                "POST", "networks/\(EngineClient.encode(network))/connect", body: JSON(encoding: request))
        }
    }
    struct Disconnect: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "disconnect", abstract: "Disconnect a container from a network")
        @Flag(name: [.short, .long], help: "Force the container to disconnect from the network") var force = false
        @Argument(help: ArgumentHelp("Network", valueName: "network")) var network: String
        @Argument(help: ArgumentHelp("Container", valueName: "container")) var container: String
        func run() throws {
            var request = NetworkDisconnectRequest()
            request.container = container
            request.force = force
            try CommandContext.shared.client().call(
                "POST", "networks/\(EngineClient.encode(network))/disconnect", body: JSON(encoding: request))
        }
    }
    struct InspectNetwork: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Display detailed information on one or more networks")
        @Option(
            name: [.short, .long], help: ArgumentHelp("Format output (json or a Go template)", valueName: "string"))
        var format: String?
        @Flag(name: [.short, .long], help: .hidden) var verbose = false
        @Argument(help: ArgumentHelp("Networks", valueName: "network")) var names: [String]
        func run() throws { try Inspect.show(names, kinds: ["networks"], format) }
    }
    struct RemoveNetwork: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove one or more networks", aliases: ["remove"])
        @Flag(name: [.short, .long], help: "Do not fail if the network does not exist") var force = false
        @Argument(help: ArgumentHelp("Networks", valueName: "network")) var names: [String]
        func run() throws {
            try forEach(names.map { ($0, $0) }) {
                do {
                    try CommandContext.shared.client().call("DELETE", "networks/\(EngineClient.encode($0))")
                } catch let error
                    as RoostError
                {
                    guard force, error.kind == .notFound else { throw error }
                }
            }
        }
    }
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove all unused networks")
        @OptionGroup var options: PruneOptions
        func run() throws {
            guard try options.confirm("This will remove all custom networks not used by at least one container.") else {
                return
            }
            let report: NetworksPruneReport = try options.send("networks/prune")
            options.show("Networks", report.networksDeleted ?? [])
        }
    }
}
