import ContainerRuntime
import EngineModel
import HelperProtocol
import ImageStore
import LinuxKernel
import Logging
import Networking
import ShimProtocol

extension Engine {
    /// Connects a container to a network, also while it is running (`docker network connect`).
    package func connect(_ reference: String, to name: String, _ spec: EndpointSpec) async throws {
        try SpecificationCheck.check(spec)
        let network = try network(name)
        let record = try container(reference)
        try await exclusively(record.id) {
            guard let record = containers[record.id] else {
                throw RoostError.missing("No such container: \(reference)")
            }
            let isPrivate =
                "container cannot be connected to multiple networks with one of the networks in private (none) mode"
            if network.driver == "host" {
                throw RoostError.invalid(
                    "cannot connect container to host network - container must be created in host network mode")
            }
            guard network.driver == "bridge" else { throw RoostError.invalid(isPrivate) }
            switch record.spec.network {
            case .host, .container:
                throw RoostError(
                    .forbidden,
                    "container sharing network namespace with another container or host cannot be connected to any other network"
                )
            case .none: throw RoostError.invalid(isPrivate)
            default: break
            }
            guard !record.endpoints.contains(where: { $0.networkID == network.id }) else {
                throw RoostError(
                    .forbidden, "endpoint with name \(record.name) already exists in network \(network.name)")
            }
            var endpoint = try lease(spec, on: network, id: record.id)
            // Interface numbers in use do not change.
            let taken = record.endpoints.enumerated().map { $0.element.number ?? $0.offset }
            endpoint.number = (0...).first { !taken.contains($0) }
            var changed = record
            changed.endpoints = record.endpoints.enumerated().map { place, endpoint in
                var endpoint = endpoint
                endpoint.number = endpoint.number ?? place
                return endpoint
            }
            changed.endpoints.append(endpoint)
            let before = forwards(of: record.id)
            do {
                try store.save(changed, leases: [endpoint])
                containers[record.id] = changed
                if live[record.id] != nil {
                    try await plug(changed, network)
                    try await refreshPorts(record.id, before: before)
                }
            } catch {
                containers[record.id] = record
                try? store.save(record)
                release(record.id, on: network.id)
                throw error
            }
            publish(
                .network, "connect", id: network.id,
                ["container": record.id, "name": network.name, "type": network.driver])
        }
    }

    /// Adds the interface of a new endpoint to a running container.
    private func plug(_ record: ContainerRecord, _ network: NetworkRecord) async throws {
        try await activate([network.id])
        guard let namespace = namespace(of: record),
            var plan = endpointPlans(record).first(where: { $0.bridge == network.bridge })
        else { return }
        let hasRoute = live[record.id]?.endpoints.contains { $0.gateway4 != nil } ?? false
        if hasRoute {
            (plan.gateway4, plan.gateway6) = (nil, nil)
        } else if !network.isInternal {
            (plan.gateway4, plan.gateway6) = (network.gateway4, network.gateway6)
        }
        let endpoint = plan
        let opensResolver = live[record.id]?.resolver == nil && hasResolver(record)
        let sockets = try await blocking { () throws -> ResolverSockets? in
            try Sandbox(namespace: namespace).add(endpoint)
            return opensResolver ? try Sandbox.openResolver(in: namespace) : nil
        }
        live[record.id]?.endpoints.append(plan)
        if live[record.id]?.sandbox == nil { live[record.id]?.sandbox = Sandbox(namespace: namespace) }
        if let sockets {
            live[record.id]?.resolver = sockets
            try await writeResolverFile(record)
        }
        try refreshResolver(record.id)
    }

    /// Updates the embedded resolver's view of a container, and its names, after its networks have changed.
    private func refreshResolver(_ id: String) throws {
        guard let running = live[id], let record = containers[id] else { return }
        if let sockets = running.resolver {
            try resolver.change(sockets, scope: resolverScope(record))
        }
        updateNames(of: id)
        let kept = RetainedDescriptors(running)
        if !kept.tags.isEmpty { running.process.connection.send(.keep(tags: kept.tags), descriptors: kept.files) }
    }

    /// Points the container's resolv.conf at the embedded resolver.
    private func writeResolverFile(_ record: ContainerRecord) async throws {
        guard let running = live[record.id] else { return }
        let text = ResolverFiles.resolvConf(record.spec.dns, embedded: true, hostNetwork: false)
        let runner = HelperProcess(
            RootRequest(
                view: .process, mountPoint: configuration.mountPoint,
                job: .write(path: "/etc/resolv.conf", text: text)), process: running.process.pidfd)
        _ = try await blocking { try runner.answer() }
    }

    private func release(_ id: String, on network: String) {
        leases[network] = (leases[network] ?? [:]).filter { $0.value != id }
        do { try store.removeLeases(network: network, owner: id) } catch {
            log.error("cannot release addresses of \(id): \(error)")
        }
    }

    /// Disconnects a container from a network (`docker network disconnect`).
    package func disconnect(_ reference: String, from name: String, force: Bool) async throws {
        if force, (try? network(name)) == nil, var left = try? container(reference) {
            // The network was removed while the container was stopped.
            let count = left.endpoints.count
            left.endpoints.removeAll { networks[$0.networkID] == nil && [$0.networkName, $0.networkID].contains(name) }
            guard left.endpoints.count == count else {
                try store.save(left)
                containers[left.id] = left
                return
            }
        }
        let network = try network(name)
        let record: ContainerRecord
        do throws(RoostError) { record = try container(reference) } catch {
            // A removed container is no longer connected to any network.
            if force { return }
            throw error
        }
        try await exclusively(record.id) {
            if network.driver == "null", record.spec.network == .none, var changed = containers[record.id] {
                // From now on it may join other networks. The name is kept for `inspect`.
                changed.spec.network = .named("none")
                try store.save(changed)
                containers[record.id] = changed
                return
            }
            guard var changed = containers[record.id],
                let endpoint = changed.endpoints.first(where: { $0.networkID == network.id })
            else {
                throw RoostError.failure("container \(record.id) is not connected to network \(network.name)")
            }
            let plan = live[record.id]?.endpoints.first { $0.bridge == network.bridge }
            changed.endpoints = changed.endpoints.enumerated().map { place, endpoint in
                var endpoint = endpoint
                endpoint.number = endpoint.number ?? place
                return endpoint
            }
            changed.endpoints.removeAll { $0.networkID == network.id }
            let before = forwards(of: record.id)
            try store.save(changed)
            containers[record.id] = changed
            release(record.id, on: network.id)
            if let plan {
                try await unplug(changed, plan)
                try await refreshPorts(record.id, before: before)
            }
            publish(
                .network, "disconnect", id: network.id,
                ["container": record.id, "name": endpoint.networkName, "type": network.driver])
        }
    }

    private func unplug(_ record: ContainerRecord, _ plan: EndpointPlan) async throws {
        live[record.id]?.endpoints.removeAll { $0 == plan }
        var next: EndpointPlan?
        if plan.gateway4 != nil || plan.gateway6 != nil {
            // Another network provides the default route now.
            next = endpointPlans(record).first { $0.gateway4 != nil || $0.gateway6 != nil }
        }
        let namespace = namespace(of: record)
        let successor = next
        let failures = try await blocking { () throws -> [String] in
            var failures = Bridges.removeLinks([plan.hostInterface]).map { "\($0)" }
            if let successor, let namespace {
                do { try Sandbox(namespace: namespace).setDefaultRoute(successor) } catch {
                    failures.append("\(error)")
                }
            }
            return failures
        }
        if let next, let index = live[record.id]?.endpoints.firstIndex(where: { $0.bridge == next.bridge }) {
            live[record.id]?.endpoints[index] = next
        }
        for failure in failures { log.warning("disconnecting \(record.name): \(failure)") }
        try refreshResolver(record.id)
    }

    /// After the networks of a running container have changed: publishes its ports if it has external access, to its current address.
    private func refreshPorts(_ id: String, before: [PacketFilter.Forward]) async throws {
        guard let record = containers[id], let running = live[id], running.sandbox != nil else { return }
        var ports = running.ports
        let isPublishing = publishesPorts(record)
        for (socket, _) in ports { isPublishing ? relay.release(socket) : relay.stop(socket) }
        if !isPublishing { ports = [] }
        if isPublishing, ports.isEmpty {
            let publisher = PortPublisher(
                record: record, allocatedPorts: allocatedPorts(), defaultAddress: publishAddress(record))
            ports = try await blocking {
                var undo = UndoLog()
                do { return try publisher.publish(&undo) } catch {
                    _ = undo.unwind()
                    throw error
                }
            }
        }
        live[id]?.ports = ports
        update(id) { $0.publishedPorts = ports.map(\.port) }
        try store.removePorts(owner: id)
        try store.addPorts(ports.map(\.port), owner: id)
        try relay(ports, to: record)
        let after = forwards(of: id)
        if before != after { try await applyFilter(filter.withdraw(before) + filter.publish(after)) }
        resetDatagrams(to: before.map(\.port) + ports.map(\.port))
        if let running = live[id] {
            let kept = RetainedDescriptors(running)
            running.process.connection.send(.keep(tags: kept.tags), descriptors: kept.files)
        }
    }
}

extension Engine {
    /// Removes a legacy link; both containers stay (`docker rm --link`).
    package func removeLink(_ reference: String, alias: String) throws {
        var record = try container(reference)
        let before = record.spec.dns.links.count
        record.spec.dns.links.removeAll { link in
            let parts = link.split(separator: ":").map(String.init)
            return (parts.last?.pathParts.last.map(String.init) ?? "") == alias
        }
        guard record.spec.dns.links.count < before else {
            throw RoostError.missing("container \(record.name) has no link \(alias)")
        }
        try store.save(record)
        containers[record.id] = record
        rebuildNames()
    }
}
