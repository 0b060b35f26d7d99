import ComposeModel
import EngineModel

import struct Crypto.SHA256

/// Host paths that the containers of a project mount.
public struct EnginePaths: Sendable, Equatable {
    /// The directory of the files of secrets and configs.
    public var files: String
    /// The socket of the engine API, for `use_api_socket`.
    public var socket: String

    public init(files: String, socket: String) {
        self.files = files
        self.socket = socket
    }
}

/// Translates a service of a project into container specifications. Pure.
public struct ServiceTranslation: Sendable {
    let project: Project
    /// Content of secrets and configs, by `secrets.name` or `configs.name`; part of the hash.
    let contents: [String: String]

    public init(project: Project, contents: [String: String] = [:]) {
        self.project = project
        self.contents = contents
    }

    /// Valid attributes that this engine does not support yet: rejected, never ignored. `build` is accepted with an image name.
    static let unsupported = [
        "build", "models", "provider",
    ]

    /// Attributes that do not apply to Linux or to this engine: accepted, with a note that they have no effect.
    static let withoutEffect = [
        "cpu_count", "cpu_percent", "cpu_rt_period", "cpu_rt_runtime", "credential_spec", "isolation",
        "storage_opt",
    ]

    /// Notes about settings of a service that have no or an unexpected effect.
    func notes(_ name: String) -> [String] {
        let service = project.services[name] ?? .null
        var found = Self.withoutEffect.filter { !service[$0].isNull && service[$0].bool != false }.map {
            "service \(name): \($0) has no effect (\(place(name, $0)))"
        }
        for (other, dependency) in service["depends_on"].object ?? []
        where dependency["condition"].string == "service_started"
            && project.services[other]?["healthcheck"]["test"].isNull == false && !isAwaited(other)
        {
            found.append(
                "service \(name) does not wait for the healthcheck of \(other); to wait, use depends_on: {\(other): {condition: service_healthy}} (\(place(name, "depends_on.\(other)")))"
            )
        }
        let deploy = service["deploy"]
        if deploy["update_config"]["order"].string == "start-first", let reason = startFirstObstacle(name) {
            found.append(
                "service \(name): updates stop the old replica first, because \(reason) (\(place(name, "deploy.update_config.order")))"
            )
        }
        if !deploy["rollback_config"].isNull, deploy["update_config"]["failure_action"].string != "rollback" {
            found.append(
                "service \(name): rollback_config has no effect without update_config.failure_action: rollback (\(place(name, "deploy.rollback_config")))"
            )
        }
        if let kind = service["platform"].string, !kind.isEmpty, !kind.hasPrefix("linux") {
            found.append("service \(name): platform \(kind) is ignored (\(place(name, "platform")))")
        }
        return found
    }

    private func isAwaited(_ service: String) -> Bool {
        project.services.values.contains { $0["depends_on"][service]["condition"].string == "service_healthy" }
    }

    /// Rejects device requests: this engine has no device drivers.
    private func refuseDevices(_ name: String, _ service: JSON) throws(RoostError) {
        let reserved = service["deploy"]["resources"]["reservations"]["devices"].array ?? []
        guard let request = (service["gpus"].array ?? []).first ?? reserved.first else { return }
        let kinds = request["capabilities"].strings ?? ["gpu"]
        throw RoostError(
            .unsupported,
            "service \(name): could not select device driver \"\(request["driver"].string ?? "")\" with capabilities: [[\(kinds.joined(separator: " "))]]: this engine has no device drivers (\(place(name, service["gpus"].isNull ? "deploy.resources.reservations.devices" : "gpus")))"
        )
    }

    /// The weight and the rates of block devices (`blkio_config`).
    private func blockDevices(_ name: String, _ service: JSON, _ spec: inout ContainerSpec) throws(RoostError) {
        let block = service["blkio_config"]
        spec.resources.blockWeight = UInt16(clamping: block["weight"].int ?? 0)
        var rates: [DeviceRate] = []
        for (key, kind) in [
            ("device_read_bps", DeviceRate.Kind.readBytes), ("device_write_bps", .writeBytes),
            ("device_read_iops", .readOperations), ("device_write_iops", .writeOperations),
        ] {
            for item in block[key].array ?? [] {
                let rate = item["rate"].int ?? item["rate"].string.flatMap { Int64($0) } ?? 0
                rates.append(DeviceRate(kind: kind, device: item["path"].string ?? "", rate: rate))
            }
        }
        if !rates.isEmpty { spec.resources.deviceRates = rates }
        if block["weight_device"].array?.isEmpty == false {
            throw RoostError(
                .unsupported,
                "service \(name): weight_device is not supported; use blkio_config.weight or a rate for the device (\(place(name, "blkio_config.weight_device")))"
            )
        }
    }

    /// The part of a service that decides whether its containers are up to date.
    public func definition(_ name: String) -> JSON {
        let ignored: Set<String> = ["build", "pull_policy", "scale", "depends_on", "profiles", "attach"]
        let service = project.services[name] ?? .null
        var members = (service.object ?? []).filter { !ignored.contains($0.key) }
        if let index = members.firstIndex(where: { $0.key == "deploy" }) {
            let rest = (members[index].value.object ?? []).filter { $0.key != "replicas" }
            if rest.isEmpty { members.remove(at: index) } else { members[index].value = .object(rest) }
        }
        var result = JSON.object(members)
        for kind in ["secrets", "configs"] {
            for item in service[kind].array ?? [] {
                let source = item["source"].string ?? ""
                result.set("\(kind).\(source)", .string(Self.hash(contents["\(kind).\(source)"] ?? "")))
            }
        }
        return result
    }

    static func hash(_ text: String) -> String {
        var hash = SHA256()
        hash.update(data: Array(text.utf8))
        return Identifiers.hex(hash.finalize())
    }

    /// `first` returns the ID of the first container of a service. A project that was not loaded from a file is hashed by its definition.
    public func configHash(_ name: String, first: (String) -> String? = { _ in nil }) -> String {
        project.hashForms[name].map { ServiceHash.hash($0, first: first) } ?? Self.hash(definition(name).text())
    }

    /// The first container of each service, where it may not have number 1.
    var firstContainers: [String: String] = [:]

    /// The container that `service:NAME` and `volumes_from` refer to.
    func firstContainer(_ service: String) -> String { firstContainers[service] ?? containerName(service, 1) }

    public mutating func noteFirstContainers(_ containers: [ObservedContainer]) {
        for container in containers {
            let known = firstContainers[container.service]
            firstContainers[container.service] = min(known ?? container.name, container.name)
        }
    }

    public func containerName(_ service: String, _ number: Int) -> String {
        project.services[service]?["container_name"].string
            ?? [project.name, service, String(number)].joined(separator: project.separator)
    }

    /// The specification of one replica. `paths` are the host paths that the container mounts.
    public func spec(_ name: String, number: Int, paths: EnginePaths, oneOff: Bool = false) throws(RoostError)
        -> ContainerSpec
    {
        let service = project.services[name] ?? .null
        for key in Self.unsupported where !service[key].isNull {
            if key == "build", !service["image"].isNull { continue }
            throw RoostError(
                .unsupported,
                "service \(name): attribute \(key) is not supported yet (\(place(name, key)))"
            )
        }
        try refuseDevices(name, service)
        if let runtime = service["runtime"].string, !["", "runc", "roost"].contains(runtime) {
            throw .invalid("service \(name): unknown runtime \"\(runtime)\" (\(place(name, "runtime")))")
        }
        if let mode = service["userns_mode"].string, !["", "host"].contains(mode) {
            throw RoostError(
                .unsupported,
                "service \(name): userns_mode \(mode) is not supported yet (\(place(name, "userns_mode")))")
        }
        var spec = ContainerSpec()
        try blockDevices(name, service, &spec)
        spec.image = service["image"].string ?? ""
        spec.process.command = service["command"].strings
        spec.process.entrypoint = service["entrypoint"].strings
        spec.process.environment = (service["environment"].object ?? []).compactMap { entry in
            // A bare name removes the image's variable.
            entry.value.string.map { "\(entry.key)=\($0)" } ?? (entry.value.isNull ? entry.key : nil)
        }
        spec.process.workingDirectory = service["working_dir"].string ?? ""
        spec.process.user = service["user"].string ?? ""
        spec.process.additionalGroups = service["group_add"].strings ?? []
        spec.process.terminal = service["tty"].bool ?? false
        spec.process.openInput = service["stdin_open"].bool ?? false
        spec.hostname = service["hostname"].string ?? ""
        spec.domainname = service["domainname"].string ?? ""
        spec.stopSignal = service["stop_signal"].string
        spec.stopTimeout = service["stop_grace_period"].string.flatMap(TimeSpan.parse).map {
            Int(($0 + 999_999_999) / 1_000_000_000)
        }
        spec.runsUnderInit = service["init"].bool ?? false
        spec.labels = labels(name, service, number: number, oneOff: oneOff)
        spec.annotations = (service["annotations"].stringMap ?? [:]).merging([
            ComposeLabel.definition: definition(name).text()
        ]) { $1 }
        // The referenced IDs are known only when the container is created.
        if let form = project.hashForms[name], ServiceHash.hasReferences(form) {
            spec.annotations[ComposeLabel.hashForm] = form.text()
        }
        spec.healthcheck = health(service["healthcheck"])
        spec.startHooks = (service["post_start"].array ?? []).map(hook)
        spec.stopHooks = (service["pre_stop"].array ?? []).map(hook)
        do throws(RoostError) { spec.restartPolicy = try restartPolicy(service) } catch {
            throw .invalid("services.\(name).restart: \(error.message) (\(place(name, "restart")))")
        }
        for text in service["expose"].strings ?? [] { spec.exposedPorts += try exposed(text) }
        try ports(service, &spec)
        try mounts(name, service, &spec, paths: paths)
        try network(name, service, &spec)
        try security(service, &spec)
        try resources(service, &spec)
        spec.log.driver = service["logging"]["driver"].string ?? ""
        spec.log.options = service["logging"]["options"].stringMap ?? [:]
        return spec
    }

    func place(_ service: String, _ attribute: String) -> String {
        project.origins["services.\(service).\(attribute)"] ?? "in the Compose file"
    }

    private func labels(_ name: String, _ service: JSON, number: Int, oneOff: Bool) -> [String: String] {
        var labels = service["labels"].stringMap ?? [:]
        labels[ComposeLabel.project] = project.name
        labels[ComposeLabel.service] = name
        labels[ComposeLabel.number] = String(number)
        labels[ComposeLabel.oneOff] = oneOff ? "True" : "False"
        labels[ComposeLabel.configHash] = configHash(name)
        labels[ComposeLabel.workingDirectory] = project.workingDirectory
        labels[ComposeLabel.configFiles] = project.files.joined(separator: ",")
        labels[ComposeLabel.version] = ComposeLabel.compatibleVersion
        labels[ComposeLabel.dependsOn] = (service["depends_on"].object ?? []).map {
            "\($0.key):\($0.value["condition"].string ?? ""):\($0.value["restart"].bool ?? false)"
        }.joined(separator: ",")
        return labels
    }

    func hook(_ json: JSON) -> HookSpec {
        var hook = HookSpec(command: json["command"].strings ?? [])
        hook.user = json["user"].string ?? ""
        hook.workingDirectory = json["working_dir"].string ?? ""
        hook.environment = (json["environment"].object ?? []).sorted { $0.key < $1.key }.map { key, value in
            value.string.map { "\(key)=\($0)" } ?? key
        }
        hook.privileged = json["privileged"].bool ?? false
        return hook
    }

    private func health(_ check: JSON) -> HealthcheckSpec? {
        guard !check.isNull else { return nil }
        if check["disable"].bool == true { return HealthcheckSpec(test: ["NONE"]) }
        func time(_ key: String) -> Int64 { check[key].string.flatMap(TimeSpan.parse) ?? 0 }
        return HealthcheckSpec(
            test: check["test"].strings ?? [], interval: time("interval"), timeout: time("timeout"),
            startPeriod: time("start_period"),
            startInterval: time("start_interval"), retries: Int(clamping: check["retries"].int ?? 0))
    }

    private func restartPolicy(_ service: JSON) throws(RoostError) -> RestartPolicySpec {
        let policy = service["deploy"]["restart_policy"]
        if !policy.isNull {
            let attempts = Int(clamping: policy["max_attempts"].int ?? 0)
            func time(_ key: String) -> Int64? { policy[key].string.flatMap(TimeSpan.parse).map { $0 / 1_000_000 } }
            var spec = RestartPolicySpec(.always, maximumRetries: attempts)
            switch policy["condition"].string ?? "any" {
            case "none": return RestartPolicySpec(.no)
            case "on-failure": spec.name = .onFailure
            default: break
            }
            spec.delay = time("delay")
            spec.window = time("window")
            return spec
        }
        return try RestartPolicySpec(parsing: service["restart"].string ?? "no")
    }

    private func network(_ name: String, _ service: JSON, _ spec: inout ContainerSpec) throws(RoostError) {
        spec.dns.search = service["dns_search"].strings ?? []
        spec.dns.options = service["dns_opt"].strings ?? []
        spec.dns.extraHosts = service["extra_hosts"].strings ?? []
        for text in service["links"].strings ?? [] {
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            let other = parts.first ?? ""
            spec.dns.links.append("\(firstContainer(other)):\(parts.count > 1 ? parts[1] : other)")
        }
        spec.dns.links += service["external_links"].strings ?? []
        for text in service["dns"].strings ?? [] {
            guard let address = IPAddress(text) else {
                throw .invalid("service \(name): dns \"\(text)\" is not an IP address")
            }
            spec.dns.servers.append(address)
        }
        spec.ipc = try shared(service["ipc"].string, "ipc")
        spec.pid = try shared(service["pid"].string, "pid")
        spec.uts = try shared(service["uts"].string, "uts")
        if let mode = service["network_mode"].string {
            spec.network =
                mode.hasPrefix("service:") ? .container(firstContainer(String(mode.dropFirst(8)))) : NetworkMode(mode)
            return
        }
        let wanted = (service["networks"].object ?? []).sorted {
            ($1.value["priority"].double ?? 0, $0.key) < ($0.value["priority"].double ?? 0, $1.key)
        }
        for (key, value) in wanted {
            let real = project.networks[key]?["name"].string ?? key
            func address(_ field: String) throws(RoostError) -> IPAddress? {
                guard let text = value[field].string else { return nil }
                guard let parsed = IPAddress(text) else {
                    throw .invalid("service \(name): \(field) \"\(text)\" is not an IP address")
                }
                return parsed
            }
            spec.endpoints.append(
                EndpointSpec(
                    network: real, aliases: [name] + (value["aliases"].strings ?? []),
                    address4: try address("ipv4_address"), address6: try address("ipv6_address"),
                    macAddress: value["mac_address"].string,
                    gatewayPriority: Int(clamping: value["gw_priority"].int ?? 0)))
            let last = spec.endpoints.count - 1
            var options = value["driver_opts"].stringMap ?? [:]
            if let interface = value["interface_name"].string {
                options["com.docker.network.endpoint.ifname"] = interface
            }
            if !options.isEmpty { spec.endpoints[last].driverOptions = options }
            spec.endpoints[last].linkLocal = value["link_local_ips"].strings
        }
        if let first = spec.endpoints.first { spec.network = .named(first.network) }
        if let hardware = service["mac_address"].string, !spec.endpoints.isEmpty {
            spec.endpoints[0].macAddress = hardware
        }
    }

    private func shared(_ text: String?, _ field: String) throws(RoostError) -> SharedNamespace {
        guard let text else { return .own }
        if text.hasPrefix("service:") { return .container(firstContainer(String(text.dropFirst(8)))) }
        return try SharedNamespace(text, field: field, modes: ["none", "private", "shareable"])
    }

    private func security(_ service: JSON, _ spec: inout ContainerSpec) throws(RoostError) {
        spec.deviceRules = service["device_cgroup_rules"].strings ?? []
        spec.controlGroupNamespace = service["cgroup"].string == "host" ? .host : .own
        spec.security.privileged = service["privileged"].bool ?? false
        spec.security.addedCapabilities = SecuritySpec.normalized(capabilities: service["cap_add"].strings ?? [])
        spec.security.droppedCapabilities = SecuritySpec.normalized(capabilities: service["cap_drop"].strings ?? [])
        spec.security.readOnlyRoot = service["read_only"].bool ?? false
        spec.security.options = service["security_opt"].strings ?? []
        spec.security.sysctls = service["sysctls"].stringMap ?? [:]
        for device in service["devices"].array ?? [] {
            let source = device["source"].string ?? ""
            spec.devices.append(
                DeviceSpec(
                    hostPath: source, containerPath: device["target"].string ?? source,
                    permissions: device["permissions"].string ?? "rwm"))
        }
    }

    private func resources(_ service: JSON, _ spec: inout ContainerSpec) throws(RoostError) {
        func size(_ value: JSON) -> Int64 { value.string.flatMap { Int64($0) } ?? 0 }
        let limits = service["deploy"]["resources"]["limits"]
        let reserved = service["deploy"]["resources"]["reservations"]
        spec.resources.memoryBytes = limits["memory"].isNull ? size(service["mem_limit"]) : size(limits["memory"])
        spec.resources.memoryReservationBytes =
            reserved["memory"].isNull ? size(service["mem_reservation"]) : size(reserved["memory"])
        spec.resources.memorySwapBytes = size(service["memswap_limit"])
        let cpus = limits["cpus"].double ?? service["cpus"].double ?? 0
        spec.resources.nanoCPUs = Int64((cpus * 1e9).rounded())
        spec.resources.maximumProcesses = limits["pids"].int ?? service["pids_limit"].int ?? 0
        spec.resources.cpuShares = service["cpu_shares"].int ?? 0
        spec.resources.cpuPeriod = service["cpu_period"].int ?? 0
        spec.resources.cpuQuota = service["cpu_quota"].int ?? 0
        spec.resources.cpusetCPUs = service["cpuset"].string ?? ""
        spec.resources.outOfMemoryScore = Int32(clamping: service["oom_score_adj"].int ?? 0)
        spec.resources.disablesOutOfMemoryKiller = service["oom_kill_disable"].bool ?? false
        spec.controlGroupParent = service["cgroup_parent"].string ?? ""
        spec.swappiness = service["mem_swappiness"].string.flatMap { Int64($0) } ?? service["mem_swappiness"].int
        if let size = service["shm_size"].string.flatMap({ Int64($0) }) { spec.sharedMemoryBytes = size }
        for (name, value) in service["ulimits"].object ?? [] {
            let both = value.int
            spec.resources.limits.append(
                UlimitSpec(name: name, soft: both ?? value["soft"].int ?? 0, hard: both ?? value["hard"].int ?? 0))
        }
    }
}
