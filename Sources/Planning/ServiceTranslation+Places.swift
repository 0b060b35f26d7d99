import ComposeModel
import EngineModel

import struct Crypto.SHA256

/// Translation of ports, mounts, networks and volumes.
extension ServiceTranslation {
    func exposed(_ text: String) throws(RoostError) -> [ContainerPort] {
        let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
        let suffix = parts.count > 1 ? "/\(parts[1])" : ""
        let ends = (parts.first ?? "").split(separator: "-").map(String.init)
        let low = try ContainerPort(parsing: (ends.first ?? "") + suffix)
        let high = try ContainerPort(parsing: (ends.last ?? "") + suffix)
        guard low <= high else { throw .invalid("invalid port range \"\(text)\" in expose (e.g. 3000-3005)") }
        return (low.number...high.number).map { ContainerPort($0, low.transport) }
    }

    func ports(_ service: JSON, _ spec: inout ContainerSpec) throws(RoostError) {
        for port in service["ports"].array ?? [] {
            let inside = try ContainerPort(parsing: "\(port["target"].int ?? 0)/\(port["protocol"].string ?? "tcp")")
            let ends = (port["published"].string ?? "0").split(separator: "-").map { UInt16($0) }
            guard let low = ends.first ?? nil, let high = ends.last ?? nil, low <= high else {
                throw .invalid("invalid published port \"\(port["published"].string ?? "")\" (e.g. 8080 or 8080-8090)")
            }
            var address: IPAddress?
            if let text = port["host_ip"].string, !text.isEmpty {
                guard let parsed = IPAddress(text) else { throw .invalid("host_ip \"\(text)\" is not an IP address") }
                address = parsed
            }
            spec.portBindings.append(PortBinding(container: inside, hostAddress: address, hostPorts: low...high))
            if !spec.exposedPorts.contains(inside) { spec.exposedPorts.append(inside) }
        }
    }

    func mounts(_ name: String, _ service: JSON, _ spec: inout ContainerSpec, paths: EnginePaths)
        throws(RoostError)
    {
        for volume in service["volumes"].array ?? [] {
            let target = volume["target"].string ?? ""
            let readOnly = volume["read_only"].bool ?? false
            switch volume["type"].string ?? "" {
            case "npipe", "cluster":
                throw RoostError(
                    .unsupported,
                    "service \(name): volume type \(volume["type"].string ?? "") is not supported on Linux; use volume, bind, tmpfs or image (\(place(name, "volumes")))"
                )
            case "image":
                let image = MountSpec.Source.image(
                    reference: volume["source"].string ?? "", subpath: volume["image"]["subpath"].string ?? "")
                spec.mounts.append(MountSpec(source: image, target: target, readOnly: true))
            case "bind":
                let bind = volume["bind"]
                spec.mounts.append(
                    MountSpec(
                        source: .bind(
                            path: volume["source"].string ?? "", propagation: bind["propagation"].string ?? "",
                            create: bind["create_host_path"].bool ?? true,
                            recursive: bind["recursive"].string != "disabled"),
                        target: target, readOnly: readOnly))
            case "tmpfs":
                var options: [String] = []
                if let size = volume["tmpfs"]["size"].string { options.append("size=\(size)") }
                if let mode = volume["tmpfs"]["mode"].int { options.append("mode=\(String(mode, radix: 8))") }
                spec.mounts.append(MountSpec(source: .tmpfs(options: options), target: target, readOnly: readOnly))
            default:
                let key = volume["source"].string
                let real = key.flatMap { project.volumes[$0]?["name"].string } ?? key
                var mount = MountSpec(
                    source: .volume(
                        name: real, copy: volume["volume"]["nocopy"].bool != true,
                        subpath: volume["volume"]["subpath"].string ?? ""), target: target, readOnly: readOnly)
                if let labels = volume["volume"]["labels"].stringMap, !labels.isEmpty {
                    mount.volumeWish = VolumeTemplate(driver: "", labels: labels, options: [:])
                }
                spec.mounts.append(mount)
            }
        }
        if service["use_api_socket"].bool == true {
            let source = MountSpec.Source.bind(path: paths.socket, propagation: "", create: false, recursive: false)
            spec.mounts.append(MountSpec(source: source, target: "/var/run/docker.sock"))
        }
        for text in service["volumes_from"].strings ?? [] {
            let parts = text.split(separator: ":").map(String.init)
            let isContainer = parts.first == "container"
            let source = isContainer ? parts.dropFirst().first ?? "" : firstContainer(parts.first ?? "")
            spec.volumesFrom.append(([source] + parts.dropFirst(isContainer ? 2 : 1)).joined(separator: ":"))
        }
        for text in service["tmpfs"].strings ?? [] {
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            spec.mounts.append(
                MountSpec(
                    source: .tmpfs(options: parts.count > 1 ? parts[1].split(separator: ",").map(String.init) : []),
                    target: parts[0]))
        }
        for (kind, root) in [("secrets", "/run/secrets/"), ("configs", "/")] {
            for item in service[kind].array ?? [] {
                let source = item["source"].string ?? ""
                let target = item["target"].string ?? root + source
                spec.mounts.append(
                    MountSpec(
                        source: .bind(
                            path: "\(paths.files)/\(fileName(kind, source, item, of: service))", propagation: "",
                            create: false,
                            recursive: false),
                        target: target.hasPrefix("/") ? target : root + target, readOnly: true))
            }
        }
    }

    /// One file per content, owner and mode: a change gets another name, and existing containers keep their file.
    public func fileName(_ kind: String, _ source: String, _ item: JSON, of service: JSON) -> String {
        let text = contents["\(kind).\(source)"] ?? ""
        return "\(source)-\(Self.hash("\(Self.ownerKey(item, service)) \(text)").prefix(16))"
    }

    /// Identifies the owner and mode of a file: those of the reference, else the service's user, who must be able to read it. A user
    /// name is resolved in the service's image, so the image is part of the key.
    static func ownerKey(_ item: JSON, _ service: JSON) -> String {
        let user = service["user"].string ?? ""
        let isNumber = !user.isEmpty && user.split(separator: ":").allSatisfy { UInt32($0) != nil }
        let own = isNumber ? user : "\(user)@\(service["image"].string ?? "")"
        let mode = String(item["mode"].int ?? 0o444, radix: 8)
        return "\(item["uid"].string ?? "-")-\(item["gid"].string ?? "-")-\(own)-\(mode)"
    }

    func networkSpec(_ key: String) throws(RoostError) -> NetworkSpec {
        let json = project.networks[key] ?? .null
        var spec = NetworkSpec(name: json["name"].string ?? key)
        spec.driver = json["driver"].string ?? "bridge"
        spec.isInternal = json["internal"].bool ?? false
        spec.enableVersion4 = json["enable_ipv4"].bool ?? true
        spec.enableVersion6 = json["enable_ipv6"].bool ?? false
        spec.options = json["driver_opts"].stringMap ?? [:]
        spec.labels = (json["labels"].stringMap ?? [:]).merging([
            ComposeLabel.project: project.name, ComposeLabel.network: key,
            ComposeLabel.version: ComposeLabel.compatibleVersion,
        ]) { $1 }
        for pool in json["ipam"]["config"].array ?? [] {
            if let text = pool["subnet"].string {
                guard let subnet = Subnet(text) else {
                    throw .invalid("network \(key): invalid subnet \"\(text)\" (e.g. 172.28.0.0/16)")
                }
                spec.subnets.append(subnet)
            }
            if let text = pool["gateway"].string {
                guard let address = IPAddress(text) else {
                    throw .invalid("network \(key): invalid gateway \"\(text)\": not an IP address")
                }
                spec.gateways.append(address)
            }
            if let text = pool["ip_range"].string, !text.isEmpty {
                guard let range = Subnet(text) else {
                    throw .invalid("network \(key): invalid ip_range \"\(text)\" (e.g. 172.28.5.0/24)")
                }
                spec.ranges.append(range)
            }
            for (host, text) in pool["aux_addresses"].stringMap ?? [:] {
                guard let address = IPAddress(text) else {
                    throw .invalid("network \(key): invalid aux_addresses.\(host) \"\(text)\": not an IP address")
                }
                spec.auxiliary[host] = address
            }
        }
        return spec
    }

    func volumeLabels(_ key: String) -> [String: String] {
        (project.volumes[key]?["labels"].stringMap ?? [:]).merging([
            ComposeLabel.project: project.name, ComposeLabel.volume: key,
            ComposeLabel.version: ComposeLabel.compatibleVersion,
        ]) { $1 }
    }
}
