import EngineModel

/// Members of `POST /containers/create` that `inspect` shows as they were written, because what the engine makes of them has another
/// form, or because they change nothing here.
enum AskedMembers {
    private static let config = [
        "Volumes", "OnBuild", "Shell", "NetworkDisabled", "ArgsEscaped", "MacAddress", "Healthcheck", "ExposedPorts",
    ]
    private static let host = [
        "Annotations", "BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps",
        "BlkioWeightDevice", "Binds", "CapAdd", "CapDrop", "Cgroup", "ConsoleSize", "ContainerIDFile", "CpuCount",
        "CpuPercent",
        "CpuRealtimePeriod", "CpuRealtimeRuntime", "DeviceRequests", "ExtraHosts", "GroupAdd", "IOMaximumBandwidth",
        "IOMaximumIOps", "Init", "IpcMode", "Isolation", "KernelMemoryTCP", "MaskedPaths", "MemorySwappiness",
        "ReadonlyPaths", "SecurityOpt", "StorageOpt", "Sysctls", "UsernsMode", "VolumeDriver", "VolumesFrom",
    ]

    /// As text, for the container's row; nil where there is nothing worth keeping.
    static func take(_ body: JSON) -> String? {
        func chosen(_ source: JSON, _ keys: [String]) -> [(key: String, value: JSON)] {
            keys.compactMap { key in
                let value = source[key]
                return value.isNull || value == "" ? nil : (key, value)
            }
        }
        var host = chosen(body["HostConfig"], host)
        // Docker's names of capabilities have their prefix, whatever the user wrote.
        for (index, member) in host.enumerated() where ["CapAdd", "CapDrop"].contains(member.key) {
            host[index].value = JSON((member.value.strings ?? []).map(fullCapability))
        }
        let asked: JSON = ["Config": .object(chosen(body, config)), "HostConfig": .object(host)]
        return asked.text()
    }

    private static func fullCapability(_ name: String) -> String {
        let upper = name.uppercased()
        return upper == "ALL" || upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
    }
}
