import EngineModel
import LinuxKernel
import Synchronization

/// The container names and addresses on each network: a value that the engine updates as containers start and stop.
package struct NameDirectory: Sendable, Equatable {
    /// The names and addresses of one container on one network.
    package struct Entry: Sendable, Equatable {
        package var network: String
        /// In lower case.
        package var networkName: String
        /// In lower case.
        package var names: Set<String>
        package var addresses: [IPAddress]
        /// The name returned for reverse lookups.
        package var pointer: String
        package init(
            network: String, networkName: String, names: Set<String>, addresses: [IPAddress], pointer: String
        ) {
            self.network = network
            self.networkName = networkName
            self.names = names
            self.addresses = addresses
            self.pointer = pointer
        }
    }

    private var entries: [String: [Entry]] = [:]
    /// Network id → container name → addresses.
    private var names: [String: [String: [IPAddress]]] = [:]
    /// Network id → address → the name for reverse lookups.
    private var pointers: [String: [IPAddress: String]] = [:]
    /// Network id → network name.
    private var titles: [String: String] = [:]
    package init() {}

    /// Replaces the entries of one container, independent of the number of other containers.
    package mutating func set(_ new: [Entry], of container: String) {
        let old = entries.removeValue(forKey: container) ?? []
        if old == new {
            if !new.isEmpty { entries[container] = new }
            return
        }
        for entry in old { remove(entry) }
        for entry in new {
            titles[entry.network] = entry.networkName
            for name in entry.names { names[entry.network, default: [:]][name, default: []] += entry.addresses }
            for address in entry.addresses { pointers[entry.network, default: [:]][address] = entry.pointer }
        }
        if !new.isEmpty { entries[container] = new }
    }

    private mutating func remove(_ entry: Entry) {
        for name in entry.names {
            names[entry.network]?[name]?.removeAll { entry.addresses.contains($0) }
            if names[entry.network]?[name]?.isEmpty == true { names[entry.network]?[name] = nil }
        }
        for address in entry.addresses { pointers[entry.network]?[address] = nil }
        if names[entry.network]?.isEmpty == true {
            names[entry.network] = nil
            titles[entry.network] = nil
        }
        if pointers[entry.network]?.isEmpty == true { pointers[entry.network] = nil }
    }

    func lookUp(_ name: String, networks: [String]) -> [IPAddress]? {
        for network in networks {
            if let found = names[network]?[name] { return found }
        }
        // NAME.NETWORK; both may contain dots.
        for network in networks {
            guard let title = titles[network], name.utf8.count > title.utf8.count, name.hasSuffix("." + title) else {
                continue
            }
            let rest = String(name.utf8.dropLast(title.utf8.count + 1)) ?? ""
            if let found = names[network]?[rest] { return found }
        }
        return nil
    }

    func pointer(_ address: IPAddress, networks: [String]) -> String? {
        for network in networks {
            if let found = pointers[network]?[address] { return found }
        }
        return nil
    }
}

/// A name server, and the network namespace from which it is queried.
package struct NameServer: Sendable {
    package var address: IPAddress
    /// The container's network namespace; nil for the host's.
    package var namespace: NetworkNamespace?
    package init(_ address: IPAddress, from namespace: NetworkNamespace? = nil) {
        self.address = address
        self.namespace = namespace
    }

    func connect(_ transport: InternetSockets.Kind) throws -> OwnedFD {
        let target = SocketAddress(bytes: address.bytes, port: 53)
        guard let namespace else { return try InternetSockets.connect(transport, target) }
        // A socket belongs to the namespace in which it was created: this uses a thread for about 50 microseconds.
        return try namespace.enter { try InternetSockets.connect(transport, target) }
    }
}

/// The resolver configuration of one container.
package struct ResolverScope: Sendable {
    /// The container's network ids, in lookup order.
    package var networks: [String]
    /// The servers for all other names; empty on internal networks.
    package var upstreams: [NameServer]
    /// Aliases that are valid only for this container (links), with the names of their target containers.
    package var links: [String: [String]]
    package init(networks: [String], upstreams: [NameServer], links: [String: [String]] = [:]) {
        self.networks = networks
        self.upstreams = upstreams
        self.links = links
    }
}

/// The embedded DNS server: answers container names from the directory and forwards other queries to the upstream servers.
package final class Resolver: Sendable {
    private let loop: IOLoop
    private let directory = Mutex(NameDirectory())
    private let rotation = Mutex(0)
    /// Timeout per upstream server, in milliseconds; then the next one is tried.
    static let upstreamMilliseconds: Int64 = 2500

    /// Upstream sockets of all containers together: a quarter of the engine's open file limit.
    private let upstreamSockets = UsageLimit(max(256, Int(clamping: Processes.openFileLimit.soft) / 4))
    /// Per container: maximum number of pending queries and of TCP connections.
    private static let questionLimit = 512
    private static let streamLimit = 32

    /// The limits of one container.
    private final class Bounds: Sendable {
        let questions = UsageLimit(Resolver.questionLimit)
        let streams = UsageLimit(Resolver.streamLimit)
    }

    package init(loop: IOLoop) { self.loop = loop }

    package func replace(_ new: NameDirectory) { directory.withLock { $0 = new } }

    package func setNames(_ entries: [NameDirectory.Entry], of container: String) {
        directory.withLock { $0.set(entries, of: container) }
    }

    /// Starts answering on a container's sockets.
    package func serve(_ sockets: ResolverSockets, scope: ResolverScope) throws(SyscallError) {
        let udp = sockets.udp
        let bounds = Bounds()
        try loop.add(udp.raw, .readable) { [self] _ in
            while let datagram = ((try? InternetSockets.receive(udp.raw, limit: 4096)) ?? nil) {
                answer(datagram.bytes, scope, bounds) { reply in
                    try? InternetSockets.send(udp.raw, Self.fit(reply, datagram.bytes), to: datagram.from)
                }
            }
        }
        let tcp = sockets.tcp
        try loop.add(tcp.raw, .readable) { [self] _ in
            while let client = try? Sockets.accept(tcp.raw) {
                if bounds.streams.take() { serveStream(client, scope, bounds) } else { client.close() }
            }
        }
    }

    /// Changes the scope of sockets that are being served.
    package func change(_ sockets: ResolverSockets, scope: ResolverScope) throws(SyscallError) {
        for socket in [sockets.udp, sockets.tcp] { loop.remove(socket.raw) }
        try serve(sockets, scope: scope)
    }

    /// Stops serving the sockets but leaves them open for the next owner.
    package func release(_ sockets: ResolverSockets) {
        for socket in [sockets.udp, sockets.tcp] { loop.remove(socket.raw) }
    }

    package func stop(_ sockets: ResolverSockets) {
        for socket in [sockets.udp, sockets.tcp] {
            loop.remove(socket.raw)
            socket.close()
        }
        if let rules = sockets.rules { BackgroundClose.close(rules) }
    }

    /// Without EDNS a UDP response has at most 512 bytes; a longer one is truncated to its question with TC set, so that the client retries over TCP.
    private static func fit(_ reply: [UInt8], _ query: [UInt8]) -> [UInt8] {
        let hasExtension = query.count > 11 && (query[10] != 0 || query[11] != 0)
        guard reply.count > 512, !hasExtension, let parsed = DNSQuery(query) else { return reply }
        var short = parsed.response([])
        short[2] |= 2
        return short
    }

    /// Serves one query per connection, which is what stub resolvers send after a truncated response.
    private func serveStream(_ client: OwnedFD, _ scope: ResolverScope, _ bounds: Bounds) {
        let buffer = Mutex<[UInt8]>([])
        let end = OnceFlag()
        let asked = OnceFlag()
        let close: @Sendable () -> Void = { [loop] in
            // When the timeout fires, the descriptor number may already be reused.
            guard end.isFirst() else { return }
            loop.remove(client.raw)
            client.close()
            bounds.streams.giveBack()
        }
        let added: Void? = try? loop.add(client.raw, .readable) { [self] _ in
            guard let part = try? readSome(client.raw, limit: 16384), !part.isEmpty else { return close() }
            let query: [UInt8]? = buffer.withLock { bytes in
                bytes += part
                guard bytes.count >= 2 else { return nil }
                let length = Int(bytes[0]) << 8 | Int(bytes[1])
                return bytes.count >= 2 + length ? Array(bytes[2..<(2 + length)]) : nil
            }
            guard let query, asked.isFirst() else { return }
            guard DNSQuery(query) != nil else { return close() }
            // Further input is left in the socket buffer.
            loop.change(client.raw, [])
            answer(query, scope, bounds) { reply in
                // Bytes that do not fit into the send buffer are dropped: the loop must not block.
                let length = [UInt8(reply.count >> 8 & 255), UInt8(reply.count & 255)]
                _ = try? sendSome(client.raw, (length + reply)[...])
                close()
            }
        }
        if added != nil { loop.perform(afterMilliseconds: 10_000, close) } else { close() }
    }

    private func answer(
        _ bytes: [UInt8], _ scope: ResolverScope, _ bounds: Bounds, reply: @escaping @Sendable ([UInt8]) -> Void
    ) {
        guard let query = DNSQuery(bytes) else { return }
        if let own = ownAnswer(query, scope) { return reply(own) }
        // SERVFAIL while too many queries are pending.
        guard bounds.questions.take() else { return reply(query.response([], code: 2)) }
        guard upstreamSockets.take() else {
            bounds.questions.giveBack()
            return reply(query.response([], code: 2))
        }
        forward(bytes, query, scope.upstreams[...]) { [upstreamSockets] answer in
            bounds.questions.giveBack()
            upstreamSockets.giveBack()
            reply(answer)
        }
    }

    /// nil if the name is not in the directory.
    func ownAnswer(_ query: DNSQuery, _ scope: ResolverScope) -> [UInt8]? {
        guard query.isInternet else { return nil }
        let known = directory.withLock { $0 }
        if query.type == DNSQuery.typePTR, let address = query.reverseAddress {
            return known.pointer(address, networks: scope.networks).map { query.response([.pointer($0)]) }
        }
        let linked = (scope.links[query.name] ?? []).compactMap { known.lookUp($0, networks: scope.networks) }
        guard
            let addresses = linked.isEmpty
                ? known.lookUp(query.name, networks: scope.networks) : linked.flatMap({ $0 })
        else { return nil }
        switch query.type {
        case DNSQuery.typeA: return query.response([.addresses(rotated(addresses.filter { !$0.isVersion6 }))])
        case DNSQuery.typeAAAA: return query.response([.addresses(rotated(addresses.filter(\.isVersion6)))])
        // The name exists without this type: an immediate empty answer, so that clients do not wait for the other family.
        default: return query.response([])
        }
    }

    /// Round-robin: the addresses of replicas take turns in first position.
    private func rotated(_ addresses: [IPAddress]) -> [IPAddress] {
        guard addresses.count > 1 else { return addresses }
        let start = rotation.withLock { count in
            count = (count + 1) % 65536
            return count % addresses.count
        }
        return Array(addresses[start...] + addresses[..<start])
    }

    private func forward(
        _ bytes: [UInt8], _ query: DNSQuery, _ servers: ArraySlice<NameServer>,
        _ reply: @escaping @Sendable ([UInt8]) -> Void
    ) {
        // SERVFAIL if no server is left.
        guard let server = servers.first, let socket = try? server.connect(.udp),
            (try? writeSome(socket.raw, bytes[...])) != nil
        else {
            return servers.count > 1
                ? forward(bytes, query, servers.dropFirst(), reply) : reply(query.response([], code: 2))
        }
        let end = OnceFlag()
        let finish: @Sendable () -> Bool = { [loop] in
            guard end.isFirst() else { return false }
            loop.remove(socket.raw)
            socket.close()
            return true
        }
        let next: @Sendable () -> Void = { [self] in
            if finish() {
                servers.count > 1
                    ? forward(bytes, query, servers.dropFirst(), reply) : reply(query.response([], code: 2))
            }
        }
        let added: Void? = try? loop.add(socket.raw, .readable) { _ in
            guard let answer = try? readSome(socket.raw, limit: 65536), answer.count >= 12 else { return next() }
            // Ignore responses with another query id.
            guard answer[0] == bytes[0], answer[1] == bytes[1] else { return }
            if finish() { reply(answer) }
        }
        if added == nil { return next() }
        loop.perform(afterMilliseconds: Self.upstreamMilliseconds, next)
    }
}
