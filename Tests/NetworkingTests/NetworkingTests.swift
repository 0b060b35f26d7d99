import EngineModel
import LinuxKernel
import TestSupport
import Testing

@testable import Networking

@Suite struct NetworkingTests {
    @Test("the first subnet that nobody uses")
    func subnets() throws {
        #expect(Addressing.freeBridgeSubnet(taken: [])?.description == "172.17.0.0/16")
        let docker = try #require(Subnet("172.17.0.0/16"))
        #expect(Addressing.freeBridgeSubnet(taken: [docker])?.description == "10.201.0.0/16")
        let first = try #require(Addressing.freeSubnet(taken: []))
        #expect(first.description == "172.18.0.0/22")
        #expect(
            Addressing.freeSubnet(taken: [try #require(Subnet("172.18.0.0/16")), try #require(Subnet("172.20.0.0/24"))]
            )?.description == "172.20.4.0/22")
    }

    @Test("addresses: lowest free, never network, gateway or broadcast")
    func addresses() throws {
        let subnet = try #require(Subnet("10.0.0.0/30"))
        let gateway = try #require(IPAddress("10.0.0.1"))
        let second = try #require(IPAddress("10.0.0.2"))
        func free(_ range: Subnet, _ taken: Set<IPAddress>) -> String? {
            Addressing.freeAddress(in: range, of: subnet, isTaken: taken.contains)?.description
        }
        #expect(free(subnet, [gateway]) == "10.0.0.2")
        #expect(free(subnet, [gateway, second]) == nil)
    }

    @Test("a range of addresses is used whole")
    func ranges() throws {
        let subnet = try #require(Subnet("10.0.0.0/24"))
        func all(_ range: String) throws -> [String] {
            let range = try #require(Subnet(range))
            var taken: Set<IPAddress> = []
            while let next = Addressing.freeAddress(in: range, of: subnet, isTaken: taken.contains) {
                taken.insert(next)
            }
            return taken.map(\.description).sorted()
        }
        #expect(try all("10.0.0.8/30") == ["10.0.0.10", "10.0.0.11", "10.0.0.8", "10.0.0.9"])
        #expect(try all("10.0.0.0/30") == ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
        #expect(try all("10.0.0.252/30") == ["10.0.0.252", "10.0.0.253", "10.0.0.254"])
    }

    @Test("a thousand subnets do not overlap")
    func manySubnets() throws {
        var taken: [Subnet] = []
        for _ in 0..<1000 { taken.append(try #require(Addressing.freeSubnet(taken: taken, seed: 77))) }
        let ranges = taken.compactMap(\.numbers4).sorted { $0.lowerBound < $1.lowerBound }
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
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
        directory.set(
            [
                .init(
                    network: "net", networkName: "shop_default", names: ["redis"], addresses: [address],
                    pointer: "shop-redis-1.shop_default")
            ],
            of: "one")
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
        #expect(ask("redis.shop_default", 1, scope) != nil)
        #expect(ask("redis.shop_default", 1, ResolverScope(networks: ["elsewhere"], upstreams: [])) == nil)
    }

    @Test("no bytes of a query can end the program")
    func hostileQueries() {
        let good = query("a.b", 1)
        for length in 0..<good.count { _ = DNSQuery(Array(good[..<length])) }
        var generator = SeededGenerator("DNS queries")
        for _ in 0..<20_000 {
            _ = DNSQuery(
                (0..<Int.random(in: 0...64, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator)
                })
        }
        #expect(DNSQuery([UInt8](repeating: 0xc0, count: 40)) == nil)
    }

    @Test("names of one container are replaced without those of others")
    func directory() {
        let (first, second) = (IPAddress(bytes: [10, 0, 0, 2]), IPAddress(bytes: [10, 0, 0, 3]))
        func entry(_ address: IPAddress) -> NameDirectory.Entry {
            .init(network: "net", networkName: "shop_default", names: ["web"], addresses: [address], pointer: "x")
        }
        var directory = NameDirectory()
        directory.set([entry(first)], of: "a")
        directory.set([entry(second)], of: "b")
        #expect(directory.lookUp("web", networks: ["net"]) == [first, second])
        directory.set([], of: "a")
        #expect(directory.lookUp("web", networks: ["net"]) == [second])
        #expect(directory.pointer(first, networks: ["net"]) == nil)
        directory.set([], of: "b")
        #expect(directory == NameDirectory())
    }

    private let filter = PacketFilter(names: KernelNames(runRoot: "/x"))

    /// The bytes of an element of a set as `nft` sends them (libnftnl, captured with strace(1)).
    @Test("elements of ports are encoded as nft does it")
    func portElements() {
        let port = PublishedPort(
            container: ContainerPort(8080), hostAddress: IPAddress(bytes: [10, 0, 0, 1]), hostPort: 80)
        let bytes = filter.publish([.init(port: port, target: IPAddress(bytes: [172, 18, 0, 2]))]).batch.encoded(
            first: 1
        ).bytes
        let element: [UInt8] = [
            0x24, 0, 1, 0x80, 0x10, 0, 1, 0x80, 0x0c, 0, 1, 0, 0x0a, 0, 0, 1, 0, 0x50, 0, 0, 0x10, 0, 2, 0x80, 0x0c, 0,
            1, 0,
            0xac, 0x12, 0, 2, 0x1f, 0x90, 0, 0,
        ]
        #expect(bytes.contains(element))
    }

    @Test("ports that the kernel cannot carry are left to the relay")
    func relayedPorts() {
        let target = IPAddress(bytes: [172, 20, 0, 2])
        for address in [IPAddress(bytes: [127, 0, 0, 1]), .any6] {
            let port = PublishedPort(container: ContainerPort(80), hostAddress: address, hostPort: 8080)
            #expect(filter.publish([.init(port: port, target: target)]).isEmpty)
        }
    }

    @Test("an internal network does not masquerade")
    func internalNetwork() {
        let added = filter.add([.init(bridge: "rb1", isInternal: true)]).batch.encoded(first: 1).bytes
        #expect(added.contains(Array("internal\0".utf8)) && added.contains(Array("bridges\0".utf8)))
        #expect(!added.contains(Array("masquerading\0".utf8)))
    }

    @Test("every message of a transaction has the next number, and the last one asks for an acknowledgement")
    func numbering() {
        let (bytes, last) = filter.reset(networks: [], forwards: []).batch.encoded(first: 7)
        let messages = NetlinkMessage.all(in: bytes[...])
        #expect(messages.map(\.sequence) == Array(7..<(7 + UInt32(messages.count))))
        #expect(last == messages.dropLast().last?.sequence)
        // NLM_F_ACK.
        var offset = 0
        let acknowledged = messages.map { message -> Bool in
            defer { offset += 16 + message.body.count }
            return bytes[offset + 6] & 4 != 0
        }
        #expect(acknowledged.filter { $0 }.count == 1 && acknowledged.dropLast().last == true)
    }

    @Test("many elements are split into messages whose lengths fit into sixteen bits")
    func manyElements() {
        let forwards = (1...2000).map { number in
            PacketFilter.Forward(
                port: PublishedPort(container: ContainerPort(80), hostAddress: .any4, hostPort: UInt16(number)),
                target: IPAddress(bytes: [10, 0, 0, 1]))
        }
        let messages = NetlinkMessage.all(in: filter.publish(forwards).batch.encoded(first: 1).bytes[...])
        #expect(messages.count == 2 + 4 && messages.allSatisfy { $0.body.count < 65_536 })
    }

    @Test("attributes that are cut off end the reading")
    func attributes() {
        var written = NetlinkAttributes()
        written.text(1, "name")
        written.number(2, 7)
        #expect(NetlinkAttributeReader(written.bytes).map(\.type) == [1, 2])
        for length in 0..<written.bytes.count { for _ in NetlinkAttributeReader(written.bytes.prefix(length)) {} }
        #expect(NetlinkMessage.all(in: [255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][...]).isEmpty)
    }
}
