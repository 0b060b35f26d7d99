import ComposeModel
import EngineModel

import struct Crypto.SHA256

/// Host paths that the containers of a project mount.
package struct EnginePaths: Sendable, Equatable {
    /// The directory of the files of secrets and configs.
    package var files: String
    /// The socket of the engine API, for `use_api_socket`.
    package var socket: String

    package init(files: String, socket: String) {
        self.files = files
        self.socket = socket
    }
}

/// Translates a service of a project into container specifications. Pure.
package struct ServiceTranslation: Sendable {
    let project: Project
    package let model: BoundProject
    /// Content of secrets and configs, by `secrets.name` or `configs.name`; part of the hash.
    let contents: [String: String]

    /// Throws if the project does not have the canonical form.
    package init(project: Project, contents: [String: String] = [:]) throws(RoostError) {
        self.project = project
        model = try BoundProject(project)
        self.contents = contents
    }

    func service(_ name: String) -> Service { model.services[name] ?? Service() }

    func place(_ service: String, _ attribute: String) -> String {
        project.origins["services.\(service).\(attribute)"] ?? "in the Compose file"
    }

    /// The part of a service that decides whether its containers are up to date.
    package func definition(_ name: String) -> JSON {
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
    package func configHash(_ name: String, first: (String) -> String? = { _ in nil }) -> String {
        project.hashForms[name].map { ServiceHash.hash($0, first: first) } ?? Self.hash(definition(name).text())
    }

    /// The first container of each service, where it may not have number 1.
    var firstContainers: [String: String] = [:]

    /// The container that `service:NAME` and `volumes_from` refer to.
    func firstContainer(_ service: String) -> String { firstContainers[service] ?? containerName(service, 1) }

    package mutating func noteFirstContainers(_ containers: [ObservedContainer]) {
        for container in containers {
            let known = firstContainers[container.service]
            firstContainers[container.service] = min(known ?? container.name, container.name)
        }
    }

    package func containerName(_ service: String, _ number: Int) -> String {
        model.services[service]?.containerName
            ?? [project.name, service, String(number)].joined(separator: project.separator)
    }

    // MARK: Specification

    /// The specification of one replica. `paths` are the host paths that the container mounts.
    package func spec(_ name: String, number: Int, paths: EnginePaths, oneOff: Bool = false) throws(RoostError)
        -> ContainerSpec
    {
        let service = service(name)
        try refuse(name, service)
        var spec = ContainerSpec()
        spec.image = service.image ?? ""
        spec.process = process(service)
        spec.hostname = service.hostname ?? ""
        spec.domainname = service.domainname ?? ""
        spec.stopSignal = service.stopSignal
        spec.stopTimeout = service.stopGracePeriod.flatMap(TimeSpan.parse).map {
            Int(($0 + 999_999_999) / 1_000_000_000)
        }
        spec.runsUnderInit = service.isUnderInit ?? false
        spec.labels = labels(name, service, number: number, oneOff: oneOff)
        spec.annotations = annotations(name, service)
        spec.healthcheck = service.healthcheck.map(HealthcheckSpec.init)
        spec.startHooks = (service.postStart ?? []).map(HookSpec.init)
        spec.stopHooks = (service.preStop ?? []).map(HookSpec.init)
        do throws(RoostError) { spec.restartPolicy = try restartPolicy(service) } catch {
            throw .invalid("services.\(name).restart: \(error.message) (\(place(name, "restart")))")
        }
        try addPorts(service, to: &spec)
        try addMounts(name, service, to: &spec, paths: paths)
        try addNetworks(name, service, to: &spec)
        addSecurity(service, to: &spec)
        addResources(service, to: &spec)
        try addBlockDevices(name, service, to: &spec)
        spec.log.driver = service.logging?.driver ?? ""
        spec.log.options = service.logging?.options ?? [:]
        return spec
    }

    private func process(_ service: Service) -> ProcessSpec {
        var process = ProcessSpec()
        process.command = service.command
        process.entrypoint = service.entrypoint
        process.environment = (service.environment ?? [:]).map { name, value in
            value.map { "\(name)=\($0)" } ?? name
        }
        process.workingDirectory = service.workingDirectory ?? ""
        process.user = service.user ?? ""
        process.additionalGroups = service.groups ?? []
        process.terminal = service.tty ?? false
        process.openInput = service.stdinOpen ?? false
        return process
    }

    private func annotations(_ name: String, _ service: Service) -> [String: String] {
        var annotations = service.annotations ?? [:]
        annotations[ComposeLabel.definition] = definition(name).text()
        // The referenced IDs are known only when the container is created.
        if let form = project.hashForms[name], ServiceHash.hasReferences(form) {
            annotations[ComposeLabel.hashForm] = form.text()
        }
        return annotations
    }

    private func labels(_ name: String, _ service: Service, number: Int, oneOff: Bool) -> [String: String] {
        var labels = service.labels ?? [:]
        labels[ComposeLabel.project] = project.name
        labels[ComposeLabel.service] = name
        labels[ComposeLabel.number] = String(number)
        labels[ComposeLabel.oneOff] = oneOff ? "True" : "False"
        labels[ComposeLabel.configHash] = configHash(name)
        labels[ComposeLabel.workingDirectory] = project.workingDirectory
        labels[ComposeLabel.configFiles] = project.files.joined(separator: ",")
        labels[ComposeLabel.version] = ComposeLabel.compatibleVersion
        labels[ComposeLabel.dependsOn] = (service.dependsOn ?? [:]).map { other, dependency in
            "\(other):\(dependency.condition ?? ""):\(dependency.restart ?? false)"
        }.joined(separator: ",")
        return labels
    }

    private func restartPolicy(_ service: Service) throws(RoostError) -> RestartPolicySpec {
        guard let policy = service.deploy?.restartPolicy else {
            return try RestartPolicySpec(parsing: service.restart ?? "no")
        }
        func milliseconds(_ text: String?) -> Int64? { text.flatMap(TimeSpan.parse).map { $0 / 1_000_000 } }
        var spec = RestartPolicySpec(.always, maximumRetries: Int(clamping: policy.maximumAttempts ?? 0))
        switch policy.condition ?? "any" {
        case "none": return RestartPolicySpec(.no)
        case "on-failure": spec.name = .onFailure
        default: break
        }
        spec.delay = milliseconds(policy.delay)
        spec.window = milliseconds(policy.window)
        return spec
    }
}

extension HookSpec {
    init(_ hook: Hook) {
        self.init(command: hook.command ?? [])
        user = hook.user ?? ""
        workingDirectory = hook.workingDirectory ?? ""
        environment = (hook.environment ?? [:]).sorted { $0.key < $1.key }.map { name, value in
            value.map { "\(name)=\($0)" } ?? name
        }
        privileged = hook.privileged ?? false
    }
}

extension HealthcheckSpec {
    fileprivate init(_ check: Healthcheck) {
        if check.disable == true {
            self.init(test: ["NONE"])
            return
        }
        func time(_ text: String?) -> Int64 { text.flatMap(TimeSpan.parse) ?? 0 }
        self.init(
            test: check.test ?? [], interval: time(check.interval), timeout: time(check.timeout),
            startPeriod: time(check.startPeriod), startInterval: time(check.startInterval),
            retries: Int(clamping: check.retries ?? 0))
    }
}
