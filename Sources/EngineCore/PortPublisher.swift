import EngineModel
import LinuxKernel
import Networking

/// Binds the host ports that a container publishes.
struct PortPublisher: Sendable {
    let record: ContainerRecord
    /// Ports of other containers with their names, for error messages.
    let allocatedPorts: [(port: PublishedPort, owner: String)]
    /// For ports that name no address; nil means every address.
    var defaultAddress: IPAddress?

    /// `inherited`: sockets of the container that this one replaces; they are reused where they fit.
    func publish(_ undo: inout UndoLog, inheriting inherited: [(socket: OwnedFD, port: PublishedPort)] = []) throws
        -> [(
            socket: OwnedFD, port: PublishedPort
        )]
    {
        var bindings = record.spec.portBindings
        if record.spec.publishAllPorts {
            for port in record.spec.exposedPorts where !bindings.contains(where: { $0.container == port }) {
                bindings.append(PortBinding(container: port, hostAddress: nil, hostPorts: 0...0))
            }
        }
        if let defaultAddress {
            for index in bindings.indices where bindings[index].hostAddress == nil {
                bindings[index].hostAddress = defaultAddress
            }
        }
        var bound: [(socket: OwnedFD, port: PublishedPort)] = []
        for binding in bindings {
            let fitting = inherited.filter { Self.fits($0.port, binding) }
            if let first = fitting.first {
                bound += fitting.filter { $0.port.hostPort == first.port.hostPort }
                continue
            }
            let new = try bind(binding)
            undo.onFailure { for item in new { item.socket.close() } }
            bound += new
        }
        return bound
    }

    /// Whether a port that is already bound satisfies a binding.
    static func fits(_ port: PublishedPort, _ binding: PortBinding) -> Bool {
        port.container == binding.container
            && (binding.hostAddress == nil ? port.hostAddress.isUnspecified : port.hostAddress == binding.hostAddress)
            && (binding.hostPorts == 0...0 || binding.hostPorts.contains(port.hostPort))
    }

    /// Binds the first free port of the range, on all addresses of the binding.
    private func bind(_ binding: PortBinding) throws -> [(socket: OwnedFD, port: PublishedPort)] {
        guard binding.container.transport != .sctp else {
            throw RoostError(.unsupported, "port \(binding.container): SCTP ports cannot be published")
        }
        let addresses = binding.hostAddress.map { [$0] } ?? [.any4, .any6]
        var failure: any Error = RoostError.conflict("no free port")
        for number in binding.hostPorts {
            do { return try bind(binding.container, number, addresses) } catch let error as RoostError
                where error.kind == .failure
            { failure = error }
        }
        throw failure
    }

    private func bind(_ port: ContainerPort, _ number: UInt16, _ addresses: [IPAddress]) throws -> [(
        socket: OwnedFD, port: PublishedPort
    )] {
        var bound: [(socket: OwnedFD, port: PublishedPort)] = []
        var wanted = number
        for address in addresses {
            do throws(SyscallError) {
                let socket = try PortRelay.bind(PublishedPort(container: port, hostAddress: address, hostPort: wanted))
                if wanted == 0 { wanted = try InternetSockets.localAddress(socket.raw).port }
                bound.append((socket, PublishedPort(container: port, hostAddress: address, hostPort: wanted)))
            } catch {
                // A host without IPv6 publishes on IPv4 only.
                if address == .any6, !bound.isEmpty, [Errno.addressNotAvailable, 97].contains(error.errno) { continue }
                for item in bound { item.socket.close() }
                throw portError(port, address, wanted, error)
            }
        }
        return bound
    }

    private func portError(_ port: ContainerPort, _ address: IPAddress, _ number: UInt16, _ error: SyscallError)
        -> RoostError
    {
        let place = "\(address.isVersion6 ? "[\(address)]" : address.description):\(number)"
        if error.errno == Errno.addressInUse {
            let owner = allocatedPorts.first {
                $0.port.hostPort == number && $0.port.container.transport == port.transport
            }?.owner
            if let owner {
                return .failure("Bind for \(place) failed: port is already allocated by container \(owner)")
            }
            return .failure(
                "Bind for \(place) failed: address already in use by another process on this host (port \(number)/\(port.transport.rawValue)); stop it or publish another port"
            )
        }
        if error.errno == Errno.addressNotAvailable {
            return .failure("Bind for \(place) failed: \(address) is not an address of this host")
        }
        return .failure("Bind for \(place) failed: \(error.reason)")
    }
}
