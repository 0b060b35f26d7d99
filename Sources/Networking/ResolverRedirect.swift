import EngineModel
import LinuxKernel
import Synchronization

/// Redirects port 53 of 127.0.0.11 in a container's namespace to the embedded resolver's sockets, which use other ports: the container may
/// listen on port 53 itself. Ports are rewritten statelessly in both directions, so that the namespace needs no connection tracking.
enum ResolverRedirect {
    static let address: [UInt8] = [127, 0, 0, 11]

    static func batch(udpPort: UInt16, tcpPort: UInt16) -> NetfilterBatch {
        let table = NetfilterBatch.Table(family: .ipv4, name: "roost_dns")
        var batch = NetfilterBatch()
        batch.addTable(table)
        batch.addChain(
            "output", in: table, hook: NetfilterBatch.Hook(kind: .filter, point: .output, priority: -150))
        for (transport, port, checksum) in [(UInt8(17), udpPort, UInt32(6)), (6, tcpPort, 16)] {
            // To port 53: rewrite the destination to the resolver's port. From the resolver: rewrite the source to 53.
            for (host, offset, from, to) in [(UInt32(16), UInt32(2), UInt16(53), port), (12, 0, port, 53)] {
                batch.addRule(
                    [
                        .loadHeader(.network, offset: host, length: 4), .compare(.equal, address),
                        .loadMeta(.transportProtocol), .compare(.equal, [transport]),
                        .loadHeader(.transport, offset: offset, length: 2), .compare(.equal, bigEndianBytes(from)),
                        .setValue(bigEndianBytes(to)),
                        .storeInTransportHeader(offset: offset, length: 2, checksumOffset: checksum),
                    ], to: "output", in: table)
            }
        }
        return batch
    }

    /// Creates the resolver's sockets and the redirect rules in the calling thread's namespace.
    static func open() throws -> ResolverSockets {
        let udp = try InternetSockets.bind(.udp, SocketAddress(bytes: address, port: 0))
        let tcp = try InternetSockets.bind(.tcp, SocketAddress(bytes: address, port: 0))
        let batch = batch(
            udpPort: try InternetSockets.localAddress(udp.raw).port,
            tcpPort: try InternetSockets.localAddress(tcp.raw).port)
        let socket = try NetlinkSockets.open(.netfilter)
        do throws(SyscallError) {
            let (bytes, last) = batch.encoded(first: 1)
            try NetlinkSockets.transact(socket.raw, bytes, first: 1, last: last, subject: "name resolution")
        } catch {
            throw RoostError.failure(
                "cannot redirect DNS in the container: \(error); is the nf_tables kernel module available?")
        }
        return ResolverSockets(udp: udp, tcp: tcp, rules: socket)
    }
}

/// Closes descriptors in the background: closing a netfilter socket blocks until the kernel has freed old rules of the namespace, ten
/// milliseconds or more.
enum BackgroundClose {
    private static let waiting = Mutex<(files: [OwnedFD], runs: Bool)>(([], false))

    static func close(_ file: OwnedFD) {
        let starts = waiting.withLock { state in
            state.files.append(file)
            defer { state.runs = true }
            return !state.runs
        }
        guard starts else { return }
        do throws(SyscallError) { try Threads.detach { while let next = take() { next.close() } } } catch {
            while let next = take() { next.close() }
        }
    }

    private static func take() -> OwnedFD? {
        waiting.withLock { state in
            state.runs = !state.files.isEmpty
            return state.files.popLast()
        }
    }
}
