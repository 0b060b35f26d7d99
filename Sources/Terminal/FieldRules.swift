import EngineModel

/// The fields that a template may use. Docker renders Go structs, which have every field; Roost renders JSON, so the fields that JSON omits
/// when they are empty are listed here, with what Go prints for them.
struct FieldRules {
    let absence: GoTemplate.Absence

    /// Maps with user-defined keys: a missing key gives `<no value>`.
    private static let maps: Set<String> = [
        "Annotations", "Attributes", "AuxiliaryAddresses", "Config", "Containers", "Data", "DriverOpts", "ExposedPorts",
        "Labels", "Networks", "Options", "PortBindings", "Ports", "Status", "StorageOpt", "Sysctls", "Tmpfs", "Volumes",
    ]
    /// Fields of Docker's types that JSON omits when they are empty, with the text that Go prints for them.
    private static let optional: [String: String] = [
        "Health": "<nil>", "Healthcheck": "<nil>", "SizeRw": "<nil>", "SizeRootFs": "<nil>", "StopTimeout": "<nil>",
        "Init": "<nil>", "PidsLimit": "<nil>", "MemorySwappiness": "<nil>", "OomKillDisable": "<nil>",
        "IPAMConfig": "<nil>", "UsageData": "<nil>", "ClusterVolume": "<nil>", "ContainerConfig": "<nil>",
        "ImageManifestDescriptor": "<nil>", "BindOptions": "<nil>", "VolumeOptions": "<nil>", "TmpfsOptions": "<nil>",
        "Variant": "", "OsVersion": "", "Author": "", "Comment": "", "Container": "", "DockerVersion": "", "Parent": "",
        "StopSignal": "", "MacAddress": "", "Type": "", "Name": "", "Source": "", "Destination": "", "Driver": "",
        "Mode": "", "Propagation": "", "CreatedAt": "", "GlobalIPv6Address": "", "VirtualSize": "0", "Size": "0",
        "Annotations": "map[]", "Status": "map[]", "StorageOpt": "map[]", "Sysctls": "map[]", "Tmpfs": "map[]",
        "Volumes": "map[]", "ExposedPorts": "map[]", "Labels": "map[]", "Options": "map[]",
        "Mounts": "[]", "Shell": "[]", "OnBuild": "[]", "DeviceRequests": "[]", "ExecIDs": "[]", "Peers": "[]",
        "Services": "map[]", "Args": "[]", "Platform": "", "Runtimes": "map[]", "Swarm": "{}", "ArgsEscaped": "false",
        "NetworkDisabled": "false", "ErrorMessage": "",
    ]

    func follow(_ path: [String], _ start: JSON, isWhole: Bool) throws(RoostError) -> JSON {
        var value = start
        var parent: String?
        for (index, key) in path.enumerated() {
            let next = value[key]
            if next.isNull {
                try check(key, of: value, in: parent, path, isFirst: index == 0 && isWhole)
                // A missing key of a map has no fields either.
                if let parent, Self.maps.contains(parent), parent != "Config" { return .null }
            }
            value = next
            parent = key
        }
        return value
    }

    private func check(_ key: String, of value: JSON, in parent: String?, _ path: [String], isFirst: Bool)
        throws(RoostError)
    {
        func failure(_ reason: String) -> RoostError {
            .invalid("template parsing error: template: executing \"\" at <.\(path.joined(separator: "."))>: \(reason)")
        }
        switch (absence, value) {
        case (.noValue, _): return
        case (.unknownInRow, .object(let members)):
            if isFirst, !members.contains(where: { $0.key == key }) {
                let known = members.map(\.key).sorted().joined(separator: ", ")
                throw failure("can't evaluate field \(key); available fields: \(known)")
            }
        case (.unknownInRow, _): return
        case (.unknownInObject, .object(let members)):
            let isKnown =
                members.contains { $0.key == key } || Self.optional[key] != nil
                || parent.map { Self.maps.contains($0) && $0 != "Config" || parentIsMap($0, path, key) } == true
            if !isKnown { throw failure("map has no entry for key \"\(key)\"") }
        case (.unknownInObject, .null):
            // null has no fields, unless it is an empty map.
            if let parent, !Self.maps.contains(parent) { throw failure("map has no entry for key \"\(parent)\"") }
        case (.unknownInObject, _): throw failure("can't evaluate field \(key) in type interface {}")
        }
    }

    /// `Config` is a map only in `LogConfig`.
    private func parentIsMap(_ parent: String, _ path: [String], _ key: String) -> Bool {
        parent == "Config" && path.contains("LogConfig")
    }

    /// What Go prints for an empty field.
    func nothing(_ path: [String], _ dot: JSON) -> String {
        guard case .unknownInObject = absence, let key = path.last else { return "<no value>" }
        let holder = GoTemplate.follow(path.dropLast(), dot)
        let isThere = (holder.object ?? []).contains { $0.key == key }
        let parent = path.dropLast().last
        let isInMap = parent.map { Self.maps.contains($0) && ($0 != "Config" || path.contains("LogConfig")) } ?? false
        if let text = Self.optional[key], isThere || !isInMap { return text }
        if isThere { return Self.maps.contains(key) ? "map[]" : "[]" }
        return "<no value>"
    }
}
