import EngineModel

/// Members of `POST /containers/create` that `inspect` shows as they were sent, because the engine stores them in another form or
/// ignores them. Values that the engine can change (limits, mode names, restart policies) are not included.
enum RequestedMembers {
    private static let config = [
        "Volumes", "OnBuild", "Shell", "NetworkDisabled", "ArgsEscaped", "MacAddress", "Healthcheck", "ExposedPorts",
    ]
    private static let host = [
        "Annotations", "Binds", "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps",
        "BlkioDeviceWriteIOps", "BlkioWeightDevice", "CapAdd", "CapDrop", "Cgroup", "ConsoleSize", "ContainerIDFile",
        "CpuCount", "CpuPercent", "CpuRealtimePeriod", "CpuRealtimeRuntime", "DeviceCgroupRules", "DeviceRequests",
        "Devices", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "GroupAdd", "IOMaximumBandwidth", "IOMaximumIOps",
        "Init", "IpcMode", "Isolation", "MaskedPaths", "MemorySwappiness", "Mounts", "PortBindings", "ReadonlyPaths",
        "SecurityOpt", "ShmSize", "StorageOpt", "Sysctls", "Tmpfs", "Ulimits", "UsernsMode", "VolumeDriver",
        "VolumesFrom",
    ]
    /// Omitted if empty, as in Docker's types (`omitempty`).
    private static let optional: Set<String> = [
        "Annotations", "ExposedPorts", "Mounts", "Shell", "StorageOpt", "Sysctls", "Tmpfs", "Volumes",
    ]

    /// The members as JSON text, for the container's record.
    static func take(_ body: JSON) -> String? {
        func chosen(_ source: JSON, _ keys: [String]) -> [(key: String, value: JSON)] {
            keys.compactMap { key in
                let value = source[key]
                let isBlank =
                    value.isNull || value == "" || key == "ShmSize" && value == 0
                    || key == "MemorySwappiness" && value == -1
                    || key == "IpcMode" && value.string?.hasPrefix("container:") == true
                return isBlank || optional.contains(key) && value.holdsNothing ? nil : (key, value)
            }
        }
        let asked: JSON = [
            "Config": .object(chosen(body, config)), "HostConfig": .object(chosen(body["HostConfig"], host)),
        ]
        return asked.text()
    }
}

extension JSON {
    /// Whether it is an empty list or object.
    var holdsNothing: Bool { array?.isEmpty == true || object?.isEmpty == true }
}
