import EngineModel

/// Docker's status text of a container: `Up 2 minutes (healthy)`, `Exited (0) 3 seconds ago`.
public func statusText(_ status: ContainerStatus, now: Int64) -> String {
    func since(_ time: Int64) -> String { TimeSpan.words(seconds: max(0, now - time) / 1_000_000_000) }
    switch status.phase {
    case .created: return "Created"
    case .running:
        guard let health = status.health else { return "Up \(since(status.startedAt))" }
        return
            "Up \(since(status.startedAt)) (\(health.verdict == .starting ? "health: starting" : health.verdict.rawValue))"
    case .paused: return "Up \(since(status.startedAt)) (Paused)"
    case .restarting:
        let text = "Restarting (\(status.exitCode)) \(since(status.finishedAt)) ago"
        // Time until the next restart: the delay of a container that keeps exiting grows.
        guard let next = status.nextStartAt, next - now >= 1_000_000_000 else { return text }
        return "\(text), again in \((next - now) / 1_000_000_000)s"
    case .exited: return "Exited (\(status.exitCode)) \(since(status.finishedAt)) ago"
    case .dead: return "Dead"
    case .removing: return "Removal In Progress"
    }
}

private func time(_ nanoseconds: Int64) -> JSON {
    nanoseconds == 0 ? .string(Timestamp.never) : .string(Timestamp(nanoseconds: nanoseconds).rfc3339)
}

extension ContainerRecord {
    /// The published ports of a running container: `{"80/tcp": [{"HostIp": …}]}`.
    public var portMap: JSON {
        var map: [(key: String, value: JSON)] = []
        for port in Set(spec.exposedPorts + publishedPorts.map(\.container)).sorted() where status.isRunning {
            let bound = publishedPorts.filter { $0.container == port }
            map.append(
                (
                    port.description,
                    bound.isEmpty
                        ? .null
                        : .array(
                            bound.map {
                                ["HostIp": .string($0.hostAddress.description), "HostPort": .string("\($0.hostPort)")]
                            })
                ))
        }
        return .object(map)
    }

    private func endpointJSON(_ endpoint: EndpointRecord, _ networks: [String: NetworkRecord]) -> JSON {
        let network = networks[endpoint.networkID]
        let up = status.isRunning
        return [
            "IPAMConfig": endpoint.wish.map(Self.addressJSON) ?? .null,
            "Links": endpoint.wish.map { $0.links.isEmpty ? .null : JSON($0.links) } ?? .null,
            "Aliases": endpoint.aliases.isEmpty ? .null : JSON(endpoint.aliases),
            "MacAddress": .string(up || endpoint.wish?.macAddress != nil ? endpoint.macAddress : ""),
            "DriverOpts": endpoint.wish.map { $0.driverOptions.isEmpty ? .null : JSON($0.driverOptions) } ?? .null,
            "GwPriority": JSON(endpoint.gatewayPriority),
            "NetworkID": .string(endpoint.networkID), "EndpointID": .string(up ? endpointID(endpoint) : ""),
            "Gateway": .string(up ? network?.gateway4?.description ?? "" : ""),
            "IPAddress": .string(up ? endpoint.address4?.description ?? "" : ""),
            "IPPrefixLen": JSON(up ? Int(network?.subnet4?.prefix ?? 0) : 0),
            "IPv6Gateway": .string(up ? network?.gateway6?.description ?? "" : ""),
            "GlobalIPv6Address": .string(up ? endpoint.address6?.description ?? "" : ""),
            "GlobalIPv6PrefixLen": JSON(up && endpoint.address6 != nil ? Int(network?.subnet6?.prefix ?? 0) : 0),
            "DNSNames": network?.isPredefined == false
                ? JSON([name] + endpoint.aliases.filter { $0 != name } + [shortID]) : .null,
        ]
    }

    /// The requested addresses, as `IPAMConfig`; null without any.
    private static func addressJSON(_ wish: RequestedEndpoint) -> JSON {
        var json: JSON = .object([])
        if let address = wish.address4 { json.set("IPv4Address", .string(address.description)) }
        if let address = wish.address6 { json.set("IPv6Address", .string(address.description)) }
        if !wish.linkLocal.isEmpty { json.set("LinkLocalIPs", JSON(wish.linkLocal)) }
        return json.object?.isEmpty == true ? .null : json
    }

    /// Derived from IDs, so that it stays the same across restarts of the engine.
    public func endpointID(_ endpoint: EndpointRecord) -> String {
        String(endpoint.networkID.prefix(32) + id.prefix(32))
    }

    private func networksJSON(_ networks: [String: NetworkRecord]) -> JSON {
        var map = endpoints.map { (key: $0.networkName, value: endpointJSON($0, networks)) }
        if map.isEmpty, spec.network == .host || spec.network == .none {
            let name = spec.network.text
            let id = networks.values.first { $0.name == name }?.id ?? ""
            map.append(
                (
                    name,
                    [
                        "NetworkID": .string(id), "EndpointID": "", "Gateway": "", "IPAddress": "", "IPPrefixLen": 0,
                        "MacAddress": "", "Aliases": .null,
                    ]
                ))
        }
        return .object(map)
    }

    private var mountsJSON: JSON {
        // A tmpfs is listed if it comes from `Mounts`, not from `Tmpfs`.
        let declared = Set(spec.mounts.filter { $0.written != nil }.map(\.target))
        var modes: [String: String] = [:]
        for bind in mounts.isEmpty ? [] : asked["HostConfig"]["Binds"].strings ?? [] {
            let parts = bind.split(separator: ":", omittingEmptySubsequences: false)
            if parts.count == 3 { modes[String(parts[1])] = String(parts[2]) }
        }
        return .array(
            mounts.filter { $0.kind != .tmpfs || declared.contains($0.target) }.map { mount in
                var json: JSON = ["Type": .string(mount.kind.rawValue)]
                if let name = mount.volumeName { json.set("Name", .string(name)) }
                json.set("Source", .string(mount.hostPath))
                json.set("Destination", .string(mount.target))
                if mount.kind == .volume { json.set("Driver", "local") }
                json.set("Mode", .string(modes[mount.target] ?? (mount.kind == .volume ? "z" : "")))
                json.set("RW", .bool(!mount.readOnly))
                json.set("Propagation", .string(mount.kind == .bind ? mount.propagation : ""))
                return json
            })
    }

    /// A row of `GET /containers/json`.
    public func listJSON(networks: [String: NetworkRecord], now: Int64) -> JSON {
        var ports: [JSON] = []
        // Only running and paused containers have ports.
        let runs = status.isRunning || status.phase == .paused
        for port in Set(spec.exposedPorts + publishedPorts.map(\.container)).sorted() where runs {
            let bound = publishedPorts.filter { $0.container == port }
            for published in bound {
                ports.append([
                    "IP": .string(published.hostAddress.description), "PrivatePort": JSON(port.number),
                    "PublicPort": JSON(published.hostPort), "Type": .string(port.transport.rawValue),
                ])
            }
            if bound.isEmpty {
                ports.append(["PrivatePort": JSON(port.number), "Type": .string(port.transport.rawValue)])
            }
        }
        return [
            "Id": .string(id), "Names": [.string("/" + name)], "Image": .string(spec.image),
            "ImageID": .string(imageID),
            "Command": .string(Self.commandText(arguments)), "Created": JSON(createdAt / 1_000_000_000),
            "Ports": .array(ports),
            "Labels": JSON(spec.labels), "State": .string(status.phase.rawValue),
            "Status": .string(statusText(status, now: now)),
            "HostConfig": ["NetworkMode": .string(spec.network.text)],
            "NetworkSettings": ["Networks": networksJSON(networks)],
            "Mounts": mountsJSON,
        ]
    }

    /// The command line as Docker shows it; arguments with spaces are quoted.
    static func commandText(_ words: [String]) -> String {
        (words.prefix(1) + words.dropFirst().map { $0.contains(" ") ? "'\($0)'" : $0 }).joined(separator: " ")
    }

    /// The response of `GET /containers/{id}/json`.
    public func inspectJSON(networks: [String: NetworkRecord], paths: (data: String, log: String, execs: [String]))
        -> JSON
    {
        var state: JSON = [
            "Status": .string(status.phase.rawValue), "Running": .bool(status.isRunning || status.phase == .restarting),
            "Paused": .bool(status.phase == .paused), "Restarting": .bool(status.phase == .restarting),
            "OOMKilled": .bool(status.outOfMemoryKilled), "Dead": false, "Pid": JSON(status.processID),
            "ExitCode": JSON(status.exitCode),
            "Error": .string(status.errorMessage), "StartedAt": time(status.startedAt),
            "FinishedAt": time(status.finishedAt),
        ]
        if let health = status.health {
            state.set(
                "Health",
                [
                    "Status": .string(health.verdict.rawValue), "FailingStreak": JSON(health.failingStreak),
                    "Log": .array(
                        health.probes.map {
                            [
                                "Start": time($0.start), "End": time($0.end), "ExitCode": JSON($0.exitCode),
                                "Output": .string($0.output),
                            ]
                        }),
                ])
        }
        return [
            "Id": .string(id), "Created": time(createdAt), "Path": .string(arguments.first ?? ""),
            "Args": JSON(Array(arguments.dropFirst())),
            "State": state, "Image": .string(imageID),
            // These three are in a tmpfs of the container, without a path on the host.
            "ResolvConfPath": "", "HostnamePath": "", "HostsPath": "",
            "LogPath": .string(paths.log),
            "Name": .string("/" + name), "RestartCount": JSON(status.restartCount), "Driver": "overlay2",
            "Platform": "linux", "MountLabel": "",
            "ProcessLabel": "", "AppArmorProfile": "", "ExecIDs": paths.execs.isEmpty ? .null : JSON(paths.execs),
            "HostConfig": hostConfigJSON,
            "GraphDriver": [
                "Data": ["UpperDir": .string(paths.data + "/upper"), "WorkDir": .string(paths.data + "/work")],
                "Name": "overlay2",
            ],
            "Mounts": mountsJSON, "Config": configJSON, "NetworkSettings": networkSettings(networks),
        ]
    }

    private func networkSettings(_ networks: [String: NetworkRecord]) -> JSON {
        var json: JSON = [
            "Bridge": "", "SandboxID": .string(status.isRunning ? id : ""),
            "SandboxKey": .string(status.isRunning ? "/proc/\(status.processID)/ns/net" : ""),
            "Ports": status.isRunning ? portMap : .object([]), "HairpinMode": false, "LinkLocalIPv6Address": "",
            "LinkLocalIPv6PrefixLen": 0, "SecondaryIPAddresses": .null,
            "SecondaryIPv6Addresses": .null,
        ]
        // The top level repeats the default bridge's endpoint, as older clients expect.
        let main = endpoints.first { $0.networkName == "bridge" }.map { endpointJSON($0, networks) } ?? .null
        for key in ["EndpointID", "Gateway", "GlobalIPv6Address", "IPAddress", "IPv6Gateway", "MacAddress"] {
            json.set(key, .string(main[key].string ?? ""))
        }
        for key in ["GlobalIPv6PrefixLen", "IPPrefixLen"] { json.set(key, JSON(main[key].int ?? 0)) }
        json.set("Networks", networksJSON(networks))
        return json
    }

    /// The members of the create request that are shown as they were sent.
    private var asked: JSON { spec.asked.flatMap { try? JSON(parsing: $0) } ?? .null }

    private var configJSON: JSON {
        var json: JSON = [
            "Hostname": .string(spec.hostname.isEmpty ? shortID : spec.hostname),
            "Domainname": .string(spec.domainname), "User": .string(user),
            "AttachStdin": .bool(spec.process.attachInput), "AttachStdout": .bool(spec.process.attachOutput),
            "AttachStderr": .bool(spec.process.attachError),
        ]
        if !spec.exposedPorts.isEmpty {
            json.set("ExposedPorts", .object(spec.exposedPorts.map { ($0.description, .object([])) }))
        }
        json.set("Tty", .bool(spec.process.terminal))
        json.set("OpenStdin", .bool(spec.process.openInput))
        json.set("StdinOnce", .bool(spec.process.inputOnce))
        // The requested entries as sent, including duplicates and bare names; then those of the image only.
        let own = spec.process.environment
        let names = Set(own.map { $0.prefix { $0 != "=" } })
        let all = own + environment.filter { !names.contains($0.prefix { $0 != "=" }) }
        json.set("Env", all.isEmpty ? .null : JSON(all))
        // The user's entrypoint and command determine which part of the arguments comes from the image.
        let entrypoint = spec.process.entrypoint
        let command = spec.process.command ?? Array(arguments.dropFirst(entrypoint?.count ?? 0))
        json.set("Cmd", command.isEmpty ? .null : JSON(command))
        if let check = healthcheck {
            json.set(
                "Healthcheck",
                [
                    "Test": JSON(check.test), "Interval": JSON(check.interval), "Timeout": JSON(check.timeout),
                    "StartPeriod": JSON(check.startPeriod), "StartInterval": JSON(check.startInterval),
                    "Retries": JSON(check.retries),
                ])
        }
        json.set("Image", .string(spec.image))
        json.set("Volumes", asked["Config"]["Volumes"])
        json.set("WorkingDir", .string(workingDirectory))
        let used = Array(arguments.dropLast(command.count))
        json.set("Entrypoint", used.isEmpty ? .null : JSON(used))
        json.set("OnBuild", .null)
        json.set("Labels", JSON(spec.labels))
        if spec.stopSignal != nil { json.set("StopSignal", .string(stopSignal)) }
        if let timeout = spec.stopTimeout { json.set("StopTimeout", JSON(timeout)) }
        for key in ["OnBuild", "Shell", "NetworkDisabled", "ArgsEscaped", "MacAddress"] {
            let value = asked["Config"][key]
            if !value.isNull { json.set(key, value) }
        }
        // The merged configuration of image and user takes precedence.
        for (key, value) in program.flatMap({ try? JSON(parsing: $0) })?.object ?? [] { json.set(key, value) }
        return json
    }

    private var hostConfigJSON: JSON {
        func list(_ values: [String]) -> JSON { values.isEmpty ? .null : JSON(values) }
        func shared(_ value: SharedNamespace, _ own: String) -> JSON {
            switch value {
            case .own: .string(own)
            case .host: "host"
            case .container(let other): .string("container:\(other)")
            }
        }
        var binds: [String] = []
        var tmpfs: [(key: String, value: JSON)] = []
        var declared: [JSON] = []
        // Mounts are shown as the client sent them, all others in the short form.
        let written = spec.mounts.compactMap { mount in mount.written.map { (mount.target, $0) } }
        for (_, text) in written {
            if text.hasPrefix("{"), let json = try? JSON(parsing: text) {
                declared.append(json)
            } else {
                binds.append(text)
            }
        }
        let known = Set(written.map(\.0))
        let inherited = Set(spec.volumesFrom.isEmpty ? [] : mounts.map(\.target)).subtracting(spec.mounts.map(\.target))
        for mount in mounts where !known.contains(mount.target) && !inherited.contains(mount.target) {
            switch mount.kind {
            case .image: break
            case .bind: binds.append("\(mount.hostPath):\(mount.target)\(mount.readOnly ? ":ro" : "")")
            case .volume:
                if !mount.isAnonymous {
                    binds.append("\(mount.volumeName ?? ""):\(mount.target)\(mount.readOnly ? ":ro" : "")")
                }
            case .tmpfs: tmpfs.append((mount.target, .string(mount.options.joined(separator: ","))))
            }
        }
        let resources = spec.resources
        var json: JSON = [
            "Binds": list(binds), "ContainerIDFile": "",
            "LogConfig": [
                "Type": .string(spec.log.driver.isEmpty ? "json-file" : spec.log.driver),
                "Config": JSON(spec.log.options),
            ],
            "NetworkMode": .string(spec.network.text),
            "PortBindings": spec.portBindings.isEmpty ? .null : PortBinding.json(spec.portBindings),
            "RestartPolicy": [
                "Name": .string(spec.restartPolicy.name.rawValue),
                "MaximumRetryCount": JSON(spec.restartPolicy.maximumRetries),
            ],
            "AutoRemove": .bool(spec.removeWhenStopped), "VolumeDriver": .string(spec.wishes?["VolumeDriver"] ?? ""),
            "VolumesFrom": spec.volumesFrom.isEmpty ? .null : JSON(spec.volumesFrom),
            "ConsoleSize": [0, 0],
            "CapAdd": list(spec.security.addedCapabilities), "CapDrop": list(spec.security.droppedCapabilities),
            "CgroupnsMode": shared(spec.controlGroupNamespace, "private"),
            "Dns": list(spec.dns.servers.map(\.description)), "DnsOptions": list(spec.dns.options),
            "DnsSearch": list(spec.dns.search), "ExtraHosts": list(spec.dns.extraHosts),
            "GroupAdd": list(spec.process.additionalGroups), "IpcMode": shared(spec.ipc, "private"), "Cgroup": "",
            "Links": spec.dns.links.isEmpty
                ? .null : JSON(spec.dns.parsedLinks.map { "/\($0.target):/\(name)/\($0.alias)" }),
            "OomScoreAdj": JSON(resources.outOfMemoryScore),
            "PidMode": shared(spec.pid, ""), "Privileged": .bool(spec.security.privileged),
            "PublishAllPorts": .bool(spec.publishAllPorts),
            "ReadonlyRootfs": .bool(spec.security.readOnlyRoot), "SecurityOpt": list(spec.security.options),
        ]
        if !tmpfs.isEmpty { json.set("Tmpfs", .object(tmpfs)) }
        if !declared.isEmpty { json.set("Mounts", .array(declared)) }
        let rest: JSON = [
            "UTSMode": shared(spec.uts, ""), "UsernsMode": "", "ShmSize": JSON(spec.sharedMemoryBytes),
            "Runtime": "runc",
            "Isolation": .string(spec.wishes?["Isolation"] ?? ""),
            "CpuShares": JSON(resources.cpuShares), "Memory": JSON(resources.memoryBytes),
            "NanoCpus": JSON(resources.nanoCPUs), "CgroupParent": .string(spec.controlGroupParent),
            "BlkioWeight": JSON(resources.blockWeight), "CpuPeriod": JSON(resources.cpuPeriod),
            "CpuQuota": JSON(resources.cpuQuota), "CpusetCpus": .string(resources.cpusetCPUs),
            "CpusetMems": .string(resources.cpusetMemories),
            "Devices": spec.devices.isEmpty
                ? .null
                : .array(
                    spec.devices.map {
                        [
                            "PathOnHost": .string($0.hostPath), "PathInContainer": .string($0.containerPath),
                            "CgroupPermissions": .string($0.permissions),
                        ]
                    }),
            "DeviceCgroupRules": spec.deviceRules.isEmpty ? .null : JSON(spec.deviceRules), "DeviceRequests": .null,
            "MemoryReservation": JSON(resources.memoryReservationBytes),
            "MemorySwap": JSON(
                resources.memorySwapBytes == 0 ? doubled(resources.memoryBytes) : resources.memorySwapBytes),
            "MemorySwappiness": .null, "OomKillDisable": .bool(resources.disablesOutOfMemoryKiller),
            "PidsLimit": resources.maximumProcesses <= 0 ? .null : JSON(resources.maximumProcesses),
            "Ulimits": resources.limits.isEmpty
                ? .null
                : .array(
                    resources.limits.map { ["Name": .string($0.name), "Hard": JSON($0.hard), "Soft": JSON($0.soft)] }),
            "CpuRealtimePeriod": 0, "CpuRealtimeRuntime": 0, "CpuCount": 0, "CpuPercent": 0, "IOMaximumIOps": 0,
            "IOMaximumBandwidth": 0, "BlkioWeightDevice": .null,
            "BlkioDeviceReadBps": .null, "BlkioDeviceWriteBps": .null, "BlkioDeviceReadIOps": .null,
            "BlkioDeviceWriteIOps": .null,
            "MaskedPaths": spec.security.privileged ? .null : JSON(SystemPaths.masked),
            "ReadonlyPaths": spec.security.privileged ? .null : JSON(SystemPaths.readOnly),
        ]
        for (key, value) in rest.object ?? [] { json.set(key, value) }
        if spec.runsUnderInit { json.set("Init", true) }
        if let swappiness = spec.swappiness { json.set("MemorySwappiness", JSON(swappiness)) }
        if !spec.security.sysctls.isEmpty { json.set("Sysctls", JSON(spec.security.sysctls)) }
        let annotations = spec.annotations.filter { !$0.key.hasPrefix("io.roost.") }
        if !annotations.isEmpty { json.set("Annotations", JSON(annotations)) }
        for (key, value) in asked["HostConfig"].object ?? [] {
            if spec.security.privileged, ["MaskedPaths", "ReadonlyPaths"].contains(key) { continue }
            json.set(key, value)
        }
        return json
    }
}

extension NetworkRecord {
    public func json(members: [ContainerRecord]) -> JSON {
        var pools: [JSON] = []
        for (subnet, gateway) in [(subnet4, gateway4), (subnet6, gateway6)] {
            guard let subnet else { continue }
            var pool: JSON = ["Subnet": .string(subnet.description)]
            if let range = ranges?.first(where: { subnet.contains($0.base) }) {
                pool.set("IPRange", .string(range.description))
            }
            if askedSubnets?.contains(subnet) != true || gateway.map({ askedGateways?.contains($0) == true }) == true {
                pool.set("Gateway", .string(gateway?.description ?? ""))
            }
            let extra = (auxiliary ?? [:]).filter { subnet.contains($0.value) }
            if !extra.isEmpty { pool.set("AuxiliaryAddresses", JSON(extra.mapValues(\.description))) }
            pools.append(pool)
        }
        let inside: [(key: String, value: JSON)] = members.compactMap { member in
            guard let endpoint = member.endpoints.first(where: { $0.networkID == id }) else { return nil }
            return (
                member.id,
                [
                    "Name": .string(member.name), "EndpointID": .string(member.endpointID(endpoint)),
                    "MacAddress": .string(endpoint.macAddress),
                    "IPv4Address": .string(endpoint.address4.map { "\($0)/\(subnet4?.prefix ?? 0)" } ?? ""),
                    "IPv6Address": .string(endpoint.address6.map { "\($0)/\(subnet6?.prefix ?? 0)" } ?? ""),
                ]
            )
        }
        return [
            "Name": .string(name), "Id": .string(id), "Created": time(createdAt), "Scope": "local",
            "Driver": .string(driver), "EnableIPv4": .bool(bridge.isEmpty || subnet4 != nil),
            "EnableIPv6": .bool(subnet6 != nil),
            "IPAM": [
                "Driver": "default", "Options": addressOptions.map { JSON($0) } ?? .null,
                "Config": bridge.isEmpty ? .null : .array(pools),
            ],
            "Internal": .bool(isInternal),
            "Attachable": .bool(isAttachable ?? false), "Ingress": false, "ConfigFrom": ["Network": ""],
            "ConfigOnly": false,
            "Containers": .object(inside),
            "Options": JSON(
                isPredefined && !bridge.isEmpty
                    ? options.merging(["com.docker.network.bridge.name": bridge]) { old, _ in old } : options),
            "Labels": JSON(labels),
        ]
    }
}

extension VolumeRecord {
    public func json(mountpoint: String) -> JSON {
        [
            "CreatedAt": .string(Timestamp.secondText(createdAt / 1_000_000_000) + "Z"), "Driver": "local",
            "Labels": labels.isEmpty ? .null : JSON(labels),
            "Mountpoint": .string(mountpoint), "Name": .string(name),
            "Options": options.isEmpty ? .null : JSON(options), "Scope": "local",
        ]
    }
}

extension EngineEvent {
    public var json: JSON {
        var json: JSON = .object([])
        if scope == .container || scope == .image {
            json.set("status", .string(action))
            json.set("id", .string(id))
            if let image = attributes["image"] { json.set("from", .string(image)) }
        }
        json.set("Type", .string(scope.rawValue))
        json.set("Action", .string(action))
        json.set("Actor", ["ID": .string(id), "Attributes": JSON(attributes)])
        json.set("scope", "local")
        json.set("time", JSON(time / 1_000_000_000))
        json.set("timeNano", JSON(time))
        return json
    }
}

/// Docker's default for memory plus swap: twice the memory limit, or unlimited on overflow.
private func doubled(_ bytes: Int64) -> Int64 {
    let (value, overflow) = bytes.multipliedReportingOverflow(by: 2)
    return overflow ? -1 : value
}
