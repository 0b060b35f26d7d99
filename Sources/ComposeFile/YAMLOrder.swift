import EngineModel

/// The order in which `config` prints the members of each object: that of the reference tool's types, so that two outputs can be
/// compared line by line. Members that are not listed follow in alphabetical order, extensions last.
enum YAMLOrder {
    /// By the path of the object: `*` is a user-defined name, `[]` a list item.
    private static let orders: [String: [String]] = [
        "": words("name services networks volumes secrets configs models"),
        "services.*": words(
            """
            profiles annotations attach build develop blkio_config cap_add cap_drop cgroup_parent cgroup cpu_count cpu_percent
            cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpus cpuset cpu_shares command configs container_name
            credential_spec depends_on deploy device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint provider
            environment env_file expose extends external_links extra_hosts group_add gpus hostname healthcheck image init ipc
            isolation labels label_file links logging mem_limit mem_reservation memswap_limit mem_swappiness mac_address models
            network_mode networks oom_kill_disable oom_score_adj pid pids_limit platform ports privileged pull_policy read_only
            restart runtime scale secrets security_opt shm_size stdin_open stop_grace_period stop_signal storage_opt sysctls
            tmpfs tty ulimits use_api_socket user userns_mode uts volumes volumes_from working_dir pre_start post_start
            pre_stop
            """),
        "services.*.build": words(
            """
            context dockerfile dockerfile_inline entitlements args provenance sbom ssh labels cache_from cache_to no_cache
            no_cache_filter additional_contexts pull extra_hosts isolation network target secrets shm_size tags ulimits
            platforms privileged
            """),
        "services.*.blkio_config": words(
            "weight weight_device device_read_bps device_read_iops device_write_bps device_write_iops"),
        "services.*.develop.watch[]": words("path action target exec include ignore initial_sync"),
        "services.*.deploy": words(
            "mode replicas labels update_config rollback_config resources restart_policy placement endpoint_mode"),
        "services.*.deploy.update_config": words(
            "parallelism delay failure_action monitor max_failure_ratio order"),
        "services.*.deploy.rollback_config": words(
            "parallelism delay failure_action monitor max_failure_ratio order"),
        "services.*.deploy.resources": words("limits reservations"),
        "services.*.deploy.resources.limits": words("cpus memory pids devices generic_resources"),
        "services.*.deploy.resources.reservations": words("cpus memory pids devices generic_resources"),
        "services.*.deploy.resources.reservations.devices[]": words("capabilities driver count device_ids options"),
        "services.*.deploy.restart_policy": words("condition delay max_attempts window"),
        "services.*.deploy.placement": words("constraints preferences max_replicas_per_node"),
        "services.*.depends_on.*": words("condition restart required"),
        "models.*": words("name model context_size runtime_flags"),
        "services.*.devices[]": words("source target permissions"),
        "services.*.extends": words("file service"),
        "services.*.healthcheck": words("test timeout interval retries start_period start_interval disable"),
        "services.*.logging": words("driver options"),
        "services.*.networks.*": words(
            """
            aliases driver_opts gw_priority interface_name ipv4_address ipv6_address link_local_ips mac_address priority
            """),
        "services.*.gpus[]": words("capabilities driver count device_ids options"),
        "services.*.credential_spec": words("config file registry"), "services.*.provider": words("type options"),
        "services.*.models.*": words("endpoint_var model_var"),
        "services.*.ports[]": words("name mode host_ip target published protocol app_protocol"),
        "services.*.volumes[]": words("type source target read_only consistency bind volume tmpfs image"),
        "services.*.volumes[].bind": words("selinux propagation create_host_path recursive"),
        "services.*.volumes[].volume": words("labels nocopy subpath"),
        "services.*.volumes[].tmpfs": words("size mode"),
        "networks.*": words(
            "name driver driver_opts ipam external internal attachable labels enable_ipv4 enable_ipv6"),
        "networks.*.ipam": words("driver config"),
        "networks.*.ipam.config[]": words("subnet gateway ip_range aux_addresses"),
        "volumes.*": words("name driver driver_opts external labels"),
        "secrets.*": words(
            "name file environment content external labels driver driver_opts template_driver"),
        "configs.*": words(
            "name file environment content external labels driver driver_opts template_driver"),
    ]

    /// Objects that occur at several paths, by the last path component.
    private static let shared: [String: [String]] = [
        "secrets[]": words("source target uid gid mode"), "configs[]": words("source target uid gid mode"),
        "post_start[]": words("command user privileged working_dir environment"),
        "pre_stop[]": words("command user privileged working_dir environment"),
        "pre_start[]": words("image command user privileged working_dir environment per_replica"),
        "exec": words("command user privileged working_dir environment"),
        "weight_device[]": words("path weight"), "device_read_bps[]": words("path rate"),
        "device_read_iops[]": words("path rate"), "device_write_bps[]": words("path rate"),
        "device_write_iops[]": words("path rate"),
    ]

    private static let positions = orders.mapValues(numbered)
    private static let sharedPositions = shared.mapValues(numbered)

    private static func numbered(_ order: [String]) -> [String: Int] {
        Dictionary(uniqueKeysWithValues: order.enumerated().map { ($0.element, $0.offset) })
    }

    /// Maps with user-defined keys.
    private static let maps: Set<String> = [
        "services", "networks", "volumes", "secrets", "configs", "models", "environment", "labels", "annotations",
        "args",
        "options", "driver_opts", "sysctls", "storage_opt", "additional_contexts", "aux_addresses", "depends_on",
        "ulimits",
    ]

    private static func words(_ text: String) -> [String] {
        text.split(whereSeparator: \.isWhitespace).map(String.init)
    }

    private static func natural(_ value: JSON) -> JSON {
        switch value {
        case .array(let items): .array(items.map(natural))
        case .object(let members):
            .object(members.sorted { NaturalOrder.precedes($0.key, $1.key) }.map { ($0.key, natural($0.value)) })
        default: value
        }
    }

    static func sorted(
        _ value: JSON, at path: String = "", by precedes: (String, String) -> Bool = NaturalOrder.precedes
    ) -> JSON {
        switch value {
        case .array(let items): return .array(items.map { sorted($0, at: path + "[]", by: precedes) })
        case .object(let members):
            let last = String(path.split(separator: ".").last ?? "")
            if maps.contains(last), !last.hasSuffix("[]") {
                return .object(
                    members.sorted { precedes($0.key, $1.key) }.map {
                        ($0.key, sorted($0.value, at: path + ".*", by: precedes))
                    })
            }
            let positions =
                positions[path] ?? sharedPositions[last] ?? (last == "*" ? sharedPositions[path] : nil) ?? [:]
            func rank(_ key: String) -> (Int, Int, String) {
                if key.hasPrefix("x-") { return (2, 0, key) }
                return positions[key].map { (0, $0, "") } ?? (positions.isEmpty ? (1, 0, "") : (1, 0, key))
            }
            let ranks = members.map { rank($0.key) }
            let inOrder = members.indices.sorted { ranks[$0] == ranks[$1] ? $0 < $1 : ranks[$0] < ranks[$1] }
            return .object(
                inOrder.map { index in
                    let (key, value) = members[index]
                    // The content of an extension is user-defined.
                    if key.hasPrefix("x-") { return (key, natural(value)) }
                    switch value {
                    case .object, .array:
                        return (key, sorted(value, at: path.isEmpty ? key : "\(path).\(key)", by: precedes))
                    default: return (key, value)
                    }
                })
        default: return value
        }
    }
}

/// The order of user-defined keys: digits compare as numbers (gopkg.in/yaml.v3, sorter.go).
enum NaturalOrder {
    static func precedes(_ one: String, _ other: String) -> Bool {
        let a = Array(one.unicodeScalars)
        let b = Array(other.unicodeScalars)
        var digits = false
        for index in 0..<min(a.count, b.count) {
            if a[index] == b[index] {
                digits = isDigit(a[index])
                continue
            }
            let (letterA, letterB) = (a[index].properties.isAlphabetic, b[index].properties.isAlphabetic)
            if letterA && letterB { return a[index].value < b[index].value }
            if letterA || letterB { return digits ? letterA : letterB }
            var start: UInt64 = 0
            if a[index] == "0" || b[index] == "0" {
                // A zero after other digits is not a leading zero.
                var back = index - 1
                while back >= 0, isDigit(a[back]) {
                    if a[back] != "0" { start = 1 }
                    back -= 1
                }
            }
            let (numberA, endA) = number(a, index, start)
            let (numberB, endB) = number(b, index, start)
            if numberA != numberB { return numberA < numberB }
            if endA != endB { return endA < endB }
            return a[index].value < b[index].value
        }
        return a.count < b.count
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { (48...57).contains(scalar.value) }

    private static func number(_ scalars: [Unicode.Scalar], _ from: Int, _ start: UInt64) -> (value: UInt64, end: Int) {
        var value = start
        var index = from
        while index < scalars.count, isDigit(scalars[index]) {
            value = value &* 10 &+ UInt64(scalars[index].value - 48)
            index += 1
        }
        return (value, index)
    }
}
