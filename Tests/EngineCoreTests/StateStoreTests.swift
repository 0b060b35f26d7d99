import EngineModel
import Foundation
import GRDB
import Testing

@testable import EngineCore

@Suite struct StateStoreTests {
    private let directory = NSTemporaryDirectory() + "roost-store-\(UUID().uuidString)"

    private func container() throws -> ContainerRecord {
        var spec = ContainerSpec()
        spec.labels = ["wish": "1", "controlGroupParent": "2"]
        spec.cgroupParent = "/own"
        spec.cgroupNamespace = .host
        spec.resources.oomScoreAdj = 300
        var mount = MountSpec(source: .volume(name: "data", copy: true, subpath: ""), target: "/data")
        mount.volumeTemplate = VolumeTemplate(driver: "", labels: ["wish": "3"], options: [:])
        mount.isReadOnlyNonRecursive = true
        spec.mounts = [mount]
        var mounted = MountRecord(
            kind: .volume, volumeName: "data", hostPath: "/v/data", target: "/data", readOnly: true)
        mounted.isReadOnlyNonRecursive = true
        var status = ContainerStatus()
        status.oomKilled = true
        var endpoint = EndpointRecord(
            networkID: "n", networkName: "net", address4: nil, address6: nil, macAddress: "", aliases: ["wish"],
            gatewayPriority: 0)
        endpoint.requested = RequestedEndpoint(links: ["db"])
        return ContainerRecord(
            id: "c", name: "web", createdAt: 1, spec: spec, status: status, imageID: "sha256:1", arguments: ["sh"],
            environment: [], workingDirectory: "", user: "", stopSignal: "SIGTERM", healthcheck: nil, mounts: [mounted],
            endpoints: [endpoint], publishedPorts: [])
    }

    @Test("rows with members' former names are read, and labels of such names are left alone")
    func renamedMembers() async throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/state.db"
        let container = try container()
        var network = NetworkRecord(
            id: "n", name: "net", driver: "bridge", createdAt: 1, subnet4: nil, gateway4: nil, subnet6: nil,
            gateway6: nil, isInternal: false, labels: ["askedSubnets": "4"], options: [:], bridge: "b")
        network.requestedSubnets = [try #require(Subnet("10.1.0.0/24"))]
        network.requestedGateways = []
        do {
            let store = try StateStore(path: path)
            try store.save(container)
            try store.save(network)
        }
        try makeOld(path)
        let store = try StateStore(path: path)
        #expect(try await store.containers() == [container])
        #expect(try store.networks() == [network])
    }

    /// Writes the former names into all rows, and forgets that the migration has run.
    private func makeOld(_ path: String) throws {
        try DatabaseQueue(path: path).write { database in
            for (table, column, members) in [
                ("container", "record", RenamedMember.ofContainers), ("container", "status", RenamedMember.ofStatus),
                ("network", "record", RenamedMember.ofNetworks),
            ] {
                let text = try #require(try String.fetchOne(database, sql: "SELECT \(column) FROM \(table)"))
                var value = try JSON(parsing: text)
                for member in members {
                    let former = RenamedMember(path: member.path, old: member.new, new: member.old)
                    let changed = former.apply(to: value)
                    #expect(changed != value, "\(member) is not in \(text)")
                    value = changed
                }
                try database.execute(sql: "UPDATE \(table) SET \(column) = ?", arguments: [value.text()])
            }
            try database.execute(sql: "DELETE FROM grdb_migrations WHERE identifier = 'member-names'")
        }
    }
}
