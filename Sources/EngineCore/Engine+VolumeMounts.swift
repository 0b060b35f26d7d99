import EngineModel
import LinuxKernel
import Logging
import Networking

/// The options of a volume of the local driver: `type`, `device` and `o`, as in mount(8).
struct VolumeOptions {
    static func check(_ options: [String: String], _ name: String) throws(RoostError) {
        guard options.contains(where: { !$0.value.isEmpty }) else { return }
        for key in options.keys.sorted() where !["type", "device", "o", "size"].contains(key) {
            throw .invalid("create \(name): invalid option: \"\(key)\"")
        }
        if options["size"] != nil {
            throw RoostError(
                .unsupported,
                "create \(name): quota size requested but no quota support; use a tmpfs for a size limit: type=tmpfs, device=tmpfs, o=size=100m"
            )
        }
        for key in ["device", "type"] where options[key] ?? "" == "" {
            throw .invalid("create \(name): missing required option: \"\(key)\"")
        }
        if isBind(options), options["device"]?.hasPrefix("/") != true {
            throw .invalid("create \(name): the device \"\(options["device"] ?? "")\" must be an absolute path")
        }
    }

    static func isBind(_ options: [String: String]) -> Bool {
        (options["o"] ?? "").split(separator: ",").contains { $0 == "bind" || $0 == "rbind" }
    }

    /// The options of a network file system with its server's name resolved: the kernel resolves no names.
    static func withAddress(_ text: String, type: String) throws -> String {
        guard ["nfs", "nfs4", "cifs", "smb3"].contains(type) else { return text }
        return try text.split(separator: ",").map { option -> String in
            guard option.hasPrefix("addr=") else { return String(option) }
            let name = String(option.dropFirst(5))
            guard IPAddress(name) == nil else { return String(option) }
            guard let address = HostNames.addresses(name).first.map(IPAddress.init(bytes:)) else {
                throw RoostError.invalid("cannot resolve the volume's server \(name)")
            }
            return "addr=\(address)"
        }.joined(separator: ",")
    }
}

/// Volumes with a file system of their own are mounted while containers use them, as by Docker's local driver.
extension Engine {
    struct VolumeFileSystem: Sendable {
        var name: String
        var type: String
        var device: String
        var options: String
        var place: String
    }

    /// nil for a plain volume, and for a bind mount of a host directory.
    func fileSystem(of record: VolumeRecord) -> VolumeFileSystem? {
        guard let type = record.options["type"], let device = record.options["device"], !type.isEmpty,
            !VolumeOptions.isBind(record.options)
        else { return nil }
        return VolumeFileSystem(
            name: record.name, type: type, device: device, options: record.options["o"] ?? "", place: mountpoint(record)
        )
    }

    private func fileSystems(of record: ContainerRecord) -> [VolumeFileSystem] {
        record.mounts.compactMap { $0.volumeName.flatMap { volumes[$0] } }.compactMap(fileSystem)
    }

    func mountVolumes(of record: ContainerRecord) async throws {
        for system in fileSystems(of: record) {
            try await exclusively("volume \(system.name)") {
                try await blocking {
                    guard !Mounts.isMountPoint(system.place) else { return }
                    let options = try VolumeOptions.withAddress(system.options, type: system.type)
                    do throws(SyscallError) {
                        try Files.makeDirectories(system.place)
                        try Mounts.mountFileSystem(system.device, type: system.type, options: options, at: system.place)
                    } catch {
                        throw RoostError.failure(
                            "failed to mount local volume \(system.name): mount \(system.device) (\(system.type)), options \"\(options)\": \(error.reason)"
                        )
                    }
                }
            }
        }
    }

    /// Unmounts the volumes of this container that no other container uses.
    func unmountVolumes(of record: ContainerRecord) async {
        for system in fileSystems(of: record) { await unmountIfUnused(system) }
    }

    /// Unmounts volumes that a killed engine has left mounted.
    func unmountUnusedVolumes() async {
        for system in volumes.values.compactMap(fileSystem) { await unmountIfUnused(system) }
    }

    private func unmountIfUnused(_ system: VolumeFileSystem) async {
        await exclusively("volume \(system.name)") {
            let isUsed = live.keys.contains { id in
                containers[id]?.mounts.contains { $0.volumeName == system.name } == true
            }
            guard !isUsed else { return }
            do {
                try await blocking {
                    if Mounts.isMountPoint(system.place) { try Mounts.detach(system.place) }
                }
            } catch { log.warning("cannot unmount volume \(system.name): \(error)") }
        }
    }
}
