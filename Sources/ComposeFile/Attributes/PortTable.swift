import ComposeModel
import EngineModel

/// `ports` of a service, both forms (specification, "ports").
enum PortTable {
    private static let string: ValueReader.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        .string(try reader.word(node, path))
    }

    private static let table: [String: ValueReader.Field] = [
        "target": { (reader: inout ValueReader, node, path) throws(ComposeError) in try reader.int(node, path) },
        "published": string, "host_ip": string, "protocol": string,
        "mode": string, "name": string, "app_protocol": string,
    ]

    static let ports: ValueReader.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var found: [JSON] = []
        var known: Set<ExactText> = []
        for (index, item) in try reader.items(node, path).enumerated() {
            reader.note("\(path).[\(index)]", item)
            let new: [JSON]
            if case .mapping = item.kind {
                var port = try reader.object(item, "\(path).[\(index)]", table)
                guard let target = port["target"].int, (1...65535).contains(target) else {
                    throw ComposeError("\(path).[\(index)]: target must be a port from 1 to 65535", at: item.location)
                }
                if let text = port["host_ip"].string, IPAddress(text) == nil {
                    throw ComposeError("\(path).[\(index)]: invalid ip address: \(text)", at: item.location)
                }
                if port["mode"].isNull { port.set("mode", "ingress") }
                if port["protocol"].isNull { port.set("protocol", "tcp") }
                new = [port]
            } else {
                if case .double = item.scalarValue {
                    throw reader.wrong("\(path).[\(index)]", "a string or a whole number", item)
                }
                guard let text = try reader.text(item, "\(path).[\(index)]") else { continue }
                new = try short(text, at: item.location)
            }
            for port in new where known.insert(ExactText(port.text())).inserted { found.append(port) }
        }
        return .array(found)
    }

    /// Port lists are appended: an override with another published port for the same target publishes both. Returns warnings for these.
    static func doubled(
        _ earlier: DocumentParts, _ later: DocumentParts, _ before: [String: String], _ now: [String: String]
    ) -> [String] {
        var found: [String] = []
        for (name, service) in later.services.sorted(by: { $0.key < $1.key })
        where !later.overridden("services", name).contains(["ports"]) && !later.reset(name).contains(["ports"]) {
            for port in service["ports"].array ?? [] {
                let same = (earlier.services[name]?["ports"].array ?? []).first {
                    $0["target"] == port["target"] && $0["protocol"] == port["protocol"]
                        && $0["host_ip"] == port["host_ip"]
                        && $0["published"] != port["published"]
                }
                guard let same else { continue }
                func location(_ origins: [String: String]) -> String {
                    origins["services.\(name).ports"].map { " (\($0))" } ?? ""
                }
                found.append(
                    "service \(name): port \(port["target"].int ?? 0) is published as \(same["published"].string ?? "any")\(location(before)) and as \(port["published"].string ?? "any")\(location(now)), because port lists are appended; use ports: !override to keep only the second"
                )
            }
        }
        return found
    }

    private static func short(_ text: String, at location: SourceLocation) throws(ComposeError) -> [JSON] {
        let bindings: [PortBinding]
        do throws(RoostError) { bindings = try PortBinding.parse(text) } catch {
            throw ComposeError(error.message, at: location)
        }
        return bindings.map { binding in
            var port: JSON = ["mode": "ingress"]
            if let address = binding.hostAddress { port.set("host_ip", .string(address.description)) }
            port.set("target", JSON(binding.container.number))
            let range = binding.hostPorts
            let names = text.split(separator: ":", omittingEmptySubsequences: false)
            if range.lowerBound > 0 || names.dropLast().last == "0" {
                port.set(
                    "published",
                    .string(range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"))
            }
            port.set("protocol", .string(binding.container.transport.rawValue))
            return port
        }
    }
}
