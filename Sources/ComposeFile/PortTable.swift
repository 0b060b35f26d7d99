import ComposeModel
import EngineModel

/// `ports` of a service, both forms (specification, "ports").
enum PortTable {
    private static let string: ValueReader.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        .string(try reader.text(node, path) ?? "")
    }

    private static let table: [String: ValueReader.Field] = [
        "target": { (reader: inout ValueReader, node, path) throws(ComposeError) in try reader.int(node, path) },
        "published": string, "host_ip": string, "protocol": string,
        "mode": string, "name": string, "app_protocol": string,
    ]

    static let ports: ValueReader.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var found: [JSON] = []
        for (index, item) in try reader.items(node, path).enumerated() {
            reader.note("\(path).[\(index)]", item)
            let new: [JSON]
            if case .mapping = item.kind {
                var port = try reader.object(item, "\(path).[\(index)]", table)
                guard let target = port["target"].int, (1...65535).contains(target) else {
                    throw ComposeError("\(path).[\(index)]: target must be a port from 1 to 65535", at: item.place)
                }
                if port["mode"].isNull { port.set("mode", "ingress") }
                if port["protocol"].isNull { port.set("protocol", "tcp") }
                new = [port]
            } else {
                guard let text = try reader.text(item, "\(path).[\(index)]") else { continue }
                new = try short(text, at: item.place)
            }
            for port in new where !found.contains(port) { found.append(port) }
        }
        return .array(found)
    }

    private static func short(_ text: String, at place: Place) throws(ComposeError) -> [JSON] {
        let bindings: [PortBinding]
        do throws(RoostError) { bindings = try PortBinding.parse(text) } catch {
            throw ComposeError(error.message, at: place)
        }
        return bindings.map { binding in
            var port: JSON = ["mode": "ingress"]
            if let address = binding.hostAddress { port.set("host_ip", .string(address.description)) }
            port.set("target", JSON(binding.container.number))
            let range = binding.hostPorts
            if range.lowerBound > 0 {
                port.set(
                    "published",
                    .string(range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"))
            }
            port.set("protocol", .string(binding.container.transport.rawValue))
            return port
        }
    }
}

/// `volumes` of a service, both forms (specification, "volumes").
enum VolumeTable {
    private static let string: ValueReader.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.string(node, path)
    }
    private static let bool: ValueReader.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.bool(node, path)
    }
    private static let labels: ValueReader.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.pairs(node, path, absent: "")
    }

    private static let table: [String: ValueReader.Field] = [
        "type": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try reader.choice(node, path, ["bind", "volume", "tmpfs", "image", "npipe", "cluster"])
        },
        "source": string, "target": string, "read_only": bool, "consistency": string,
        "bind": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try reader.object(
                node, path, ["propagation": string, "create_host_path": bool, "recursive": string, "selinux": string])
        },
        "volume": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try reader.object(node, path, ["nocopy": bool, "subpath": string, "labels": labels])
        },
        "tmpfs": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try reader.object(
                node, path,
                [
                    "size": { (reader: inout ValueReader, node, path) throws(ComposeError) in
                        try reader.bytes(node, path)
                    },
                    "mode": { (reader: inout ValueReader, node, path) throws(ComposeError) in try reader.int(node, path)
                    },
                ])
        },
        "image": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try reader.object(node, path, ["subpath": string])
        },
    ]

    static let volumes: ValueReader.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var found: [JSON] = []
        for (index, item) in try reader.items(node, path).enumerated() {
            let place = "\(path).[\(index)]"
            reader.note(place, item)
            var volume: JSON
            if case .mapping = item.kind {
                volume = try reader.object(item, place, table)
                guard volume["type"].string != nil else {
                    throw ComposeError(
                        "\(place): type is required", at: item.place, hint: "add type: bind, volume or tmpfs")
                }
                guard let target = volume["target"].string else {
                    throw ComposeError("\(place): target is required", at: item.place)
                }
                volume.set("target", .string(clean(target)))
                if volume["type"].string == "bind" {
                    guard let source = volume["source"].string, !source.isEmpty else {
                        throw ComposeError(
                            "invalid mount config for type \"bind\": field Source must not be empty", at: item.place)
                    }
                    volume.set("source", .string(reader.resolved(source)))
                }
                if ["image", "npipe", "cluster"].contains(volume["type"].string ?? "") {
                    throw ComposeError(
                        "\(place): volumes of type \(volume["type"].string ?? "") are not supported yet", at: item.place
                    )
                }
            } else {
                volume = try short(try reader.string(item, place).string ?? "", at: item.place, reader)
            }
            let target = volume["target"].string
            if let same = found.firstIndex(where: { $0["target"].string == target }) {
                found[same] = volume
            } else {
                found.append(volume)
            }
        }
        return .array(found)
    }

    private static func clean(_ path: String) -> String { path.hasPrefix("/") ? PathRules.clean(path) : path }

    private static func short(_ text: String, at place: Place, _ reader: ValueReader) throws(ComposeError) -> JSON {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (1...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else {
            throw ComposeError(
                "invalid volume \"\(text)\"", at: place,
                hint: "write [source:]target[:options], as in data:/var/lib/data:ro")
        }
        if parts.count == 1 { return ["type": "volume", "target": .string(clean(parts[0])), "volume": .object([])] }
        let options = parts.count == 3 ? parts[2].split(separator: ",").map(String.init) : []
        let isPath = parts[0].hasPrefix("/") || parts[0].hasPrefix(".") || parts[0].hasPrefix("~")
        var volume: JSON = [
            "type": .string(isPath ? "bind" : "volume"),
            "source": .string(isPath ? reader.resolved(parts[0]) : parts[0]), "target": .string(clean(parts[1])),
        ]
        if options.contains("ro") { volume.set("read_only", true) }
        if isPath {
            var bind: JSON = ["create_host_path": true]
            if let propagation = options.first(where: {
                $0.hasSuffix("private") || $0.hasSuffix("shared") || $0.hasSuffix("slave")
            }) {
                bind.set("propagation", .string(propagation))
            }
            volume.set("bind", bind)
        } else {
            volume.set("volume", options.contains("nocopy") ? ["nocopy": true] : .object([]))
        }
        return volume
    }
}
