import EngineModel
import Testing

@testable import Networking

@Suite struct NetworkingTests {
    @Test("the first subnet that nobody uses")
    func subnets() throws {
        let first = try #require(Addressing.freeSubnet(taken: []))
        #expect(first.description == "172.18.0.0/24")
        #expect(
            Addressing.freeSubnet(taken: [try #require(Subnet("172.18.0.0/16")), try #require(Subnet("172.20.0.0/24"))]
            )?.description == "172.20.1.0/24")
    }

    @Test("addresses: lowest free, never network, gateway or broadcast")
    func addresses() throws {
        let subnet = try #require(Subnet("10.0.0.0/30"))
        let gateway = try #require(IPAddress("10.0.0.1"))
        #expect(Addressing.freeAddress(in: subnet, taken: [gateway])?.description == "10.0.0.2")
        #expect(Addressing.freeAddress(in: subnet, taken: [gateway, try #require(IPAddress("10.0.0.2"))]) == nil)
    }

    @Test("names of kernel objects fit into the kernel's 15 bytes")
    func names() {
        let names = KernelNames(runRoot: "/run/roost")
        let id = String(repeating: "a", count: 64)
        #expect(names.bridge(id).utf8.count <= 15)
        #expect(names.pair(id, 9).utf8.count <= 15)
        #expect(names.tag != KernelNames(runRoot: "/tmp/other").tag)
    }

    private func query(_ name: String, _ type: UInt16) -> [UInt8] {
        var bytes: [UInt8] = [1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        for label in name.split(separator: ".") { bytes += [UInt8(label.utf8.count)] + label.utf8 }
        return bytes + [0, UInt8(type >> 8), UInt8(type & 255), 0, 1]
    }

    @Test("names of the project are answered, the other family at once, others are not ours")
    func dns() throws {
        let resolver = Resolver(loop: try .init())
        var directory = NameDirectory()
        let address = IPAddress(bytes: [172, 20, 0, 2])
        directory.names = ["net": ["redis": [address]]]
        directory.pointers = ["net": [address: "shop-redis-1.shop_default"]]
        resolver.replace(directory)
        let scope = ResolverScope(networks: ["net"], upstreams: [])
        func ask(_ name: String, _ type: UInt16, _ scope: ResolverScope) -> [UInt8]? {
            DNSQuery(query(name, type)).flatMap { resolver.ownAnswer($0, scope) }
        }
        let found = try #require(ask("ReDis", 1, scope))
        #expect(found[7] == 1 && Array(found.suffix(4)) == [172, 20, 0, 2])
        let other = try #require(ask("redis", 28, scope))
        #expect(other[7] == 0 && other[3] & 15 == 0)
        #expect(ask("example.org", 1, scope) == nil)
        #expect(ask("redis", 1, ResolverScope(networks: ["elsewhere"], upstreams: [])) == nil)
        #expect(ask("2.0.20.172.in-addr.arpa", 12, scope) != nil)
    }

    @Test("no bytes of a query can end the program")
    func hostileQueries() {
        let good = query("a.b", 1)
        for length in 0..<good.count { _ = DNSQuery(Array(good[..<length])) }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            _ = DNSQuery(
                (0..<Int.random(in: 0...64, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator)
                })
        }
        #expect(DNSQuery([UInt8](repeating: 0xc0, count: 40)) == nil)
    }

    @Test("the ruleset drops what nobody has allowed")
    func rules() {
        let filter = PacketFilter(names: KernelNames(runRoot: "/x"))
        let port = PublishedPort(container: ContainerPort(80), hostAddress: .any4, hostPort: 8080)
        let text = filter.ruleset(
            networks: [.init(bridge: "rb1", subnet4: Subnet("172.20.0.0/24"), subnet6: nil, isInternal: true)],
            forwards: [.init(port: port, target: IPAddress(bytes: [172, 20, 0, 2]))])
        #expect(text.contains("inbound drop"))
        #expect(text.contains("internal { \"rb1\" }"))
        #expect(!text.contains("masquerade\nadd rule") || !text.contains("oifname != \"rb1\" masquerade"))
        #expect(text.contains("tcp4any { 8080 : 172.20.0.2 . 80 }"))
        let loopback = PublishedPort(
            container: ContainerPort(80), hostAddress: IPAddress(bytes: [127, 0, 0, 1]), hostPort: 8080)
        #expect(filter.elements([.init(port: loopback, target: IPAddress(bytes: [172, 20, 0, 2]))], add: true).isEmpty)
    }
}
