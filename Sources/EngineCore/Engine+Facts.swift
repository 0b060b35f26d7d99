import EngineModel
import LinuxKernel
import Networking

/// Facts about the engine's host.
public struct HostDescription: Sendable {
    public var processors: Int
    public var memoryBytes: Int64
    public var controlGroupVersion: Int
    public var operatingSystem: String
}

extension Engine {
    nonisolated func controlGroup(of record: ContainerRecord) -> Cgroup {
        let name = names.controlGroup(container: record.id, parent: record.spec.controlGroupParent)
        return Cgroup(layout: layout, name: name)
    }

    public func hostFacts() -> HostDescription {
        let release = (try? Files.readText("/etc/os-release", limit: 65536)) ?? ""
        let line = release.split(separator: "\n").first { $0.hasPrefix("PRETTY_NAME=") }
        return HostDescription(
            processors: HostFacts.processors, memoryBytes: HostFacts.memoryBytes, controlGroupVersion: layout.version,
            operatingSystem: line.map { $0.dropFirst(12).filter { $0 != "\"" } } ?? "Linux")
    }

    public func networksByID() -> [String: NetworkRecord] { networks }

    public func runningExecs(_ id: String) -> [String] {
        execs.filter { $0.value.containerID == id && $0.value.running }.keys.sorted()
    }
}
