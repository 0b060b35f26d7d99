import EngineModel
import LinuxKernel
import Networking

/// Facts about the engine's host.
package struct HostDescription: Sendable {
    package var processors: Int
    package var memoryBytes: Int64
    package var cgroupVersion: Int
    package var operatingSystem: String
}

extension Engine {
    nonisolated func cgroup(of record: ContainerRecord) -> Cgroup {
        let name = names.cgroup(container: record.id, parent: record.spec.cgroupParent)
        return Cgroup(layout: layout, name: name)
    }

    package func hostFacts() -> HostDescription {
        let release = (try? Files.readText("/etc/os-release", limit: 65536)) ?? ""
        let line = release.split(separator: "\n").first { $0.hasPrefix("PRETTY_NAME=") }
        return HostDescription(
            processors: HostFacts.processors, memoryBytes: HostFacts.memoryBytes, cgroupVersion: layout.version,
            operatingSystem: line.map { $0.dropFirst(12).filter { $0 != "\"" } } ?? "Linux")
    }

    package func networksByID() -> [String: NetworkRecord] { networks }

    package func runningExecs(_ id: String) -> [String] {
        execs.filter { $0.value.containerID == id && $0.value.running }.keys.sorted()
    }
}
