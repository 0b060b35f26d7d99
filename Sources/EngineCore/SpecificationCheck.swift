import EngineModel
import Networking

/// `0-3,7`: numbers and ranges, as in cpuset(7), "List format".
struct NumberList: Sendable {
    let highest: Int

    init?(_ text: String) {
        var top = -1
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard (1...2).contains(ends.count), let low = ends[0], let high = ends.last ?? nil, low <= high, low >= 0
            else { return nil }
            top = max(top, high)
        }
        highest = top
    }
}

/// Finds errors in a specification before anything is created from it.
enum SpecificationCheck {
    static func check(_ spec: ContainerSpec) throws(RoostError) {
        try checkWords(spec)
        for entry in spec.dns.extraHosts { try checkHost(entry) }
        for link in spec.dns.links where !(1...2).contains(parts(link).count) || link.isEmpty {
            throw .invalid("bad format for links: \(link)")
        }
        try checkLog(spec.log)
        try checkModes(spec)
        if spec.cgroupParent.pathParts.contains("..") {
            throw .invalid("invalid cgroup parent \"\(spec.cgroupParent)\": it must not contain \"..\"")
        }
        for mount in spec.mounts {
            if isRoot(mount.target) {
                throw .invalid("invalid mount target '\(mount.target)': destination can't be '/'")
            }
            guard case .bind(_, let propagation, _, _) = mount.source else { continue }
            guard ["", "private", "rprivate", "shared", "rshared", "slave", "rslave"].contains(propagation) else {
                throw .invalid("invalid mount config for type \"bind\": invalid propagation mode: \(propagation)")
            }
        }
        if let check = spec.healthcheck {
            if check.retries < 0 { throw .invalid("Retries in Healthcheck cannot be negative") }
            for (name, value) in [
                ("Interval", check.interval), ("Timeout", check.timeout), ("StartPeriod", check.startPeriod),
                ("StartInterval", check.startInterval),
            ] where value != 0 && value < 1_000_000 {
                throw .invalid("\(name) in Healthcheck cannot be less than 1ms")
            }
        }
    }

    /// Values written to hosts(5), resolv.conf(5) and the host name must be one word each, without spaces, newlines and comments:
    /// otherwise they could add lines of their own. (Docker writes such text unchecked.)
    private static func checkWords(_ spec: ContainerSpec) throws(RoostError) {
        // The kernel's limit (uname(2), __NEW_UTS_LEN).
        let nameLimit = 64
        try checkWords([spec.hostname], "hostname", limit: nameLimit)
        try checkWords([spec.domainname], "domainname", limit: nameLimit)
        try checkWords(spec.dns.search, "DNS search domain")
        try checkWords(spec.dns.options, "DNS option")
        try checkWords(
            spec.dns.extraHosts.map { String($0.prefix { $0 != ":" && $0 != "=" }) }, "host name in add-host")
        try checkWords(spec.dns.parsedLinks.map(\.alias), "alias in links")
        for endpoint in spec.endpoints { try check(endpoint) }
        for group in spec.process.additionalGroups where group.isEmpty { throw .invalid("invalid group: \"\"") }
        for mount in spec.mounts {
            guard case .tmpfs(let options) = mount.source else { continue }
            for option in options where option.isEmpty || option.hasPrefix("=") {
                throw .invalid("invalid tmpfs option \"\(option)\" for \(mount.target)")
            }
        }
    }

    /// Checks the names of an endpoint.
    static func check(_ endpoint: EndpointSpec) throws(RoostError) {
        if let text = endpoint.macAddress, !text.isEmpty, Addressing.parseHardware(text) == nil {
            throw .invalid("invalid endpoint settings: invalid MAC address: \(text)")
        }
        for text in endpoint.linkLocal ?? [] where IPAddress(text) == nil {
            throw .invalid("invalid link-local IP address: \(text)")
        }
        try checkWords(endpoint.aliases, "network alias")
        try checkWords(
            (endpoint.links ?? []).map { String($0.split(separator: ":").last ?? "") }, "alias in links")
    }

    private static func checkWords(_ words: [String], _ field: String, limit: Int = 255) throws(RoostError) {
        let hash = UInt8(ascii: "#")
        for word in words
        where word.utf8.count > limit || word.utf8.contains(where: { $0 <= 32 || $0 == 127 || $0 == hash }) {
            throw .invalid("invalid \(field) \(JSON.string(word).text()): expected one word of at most \(limit) bytes")
        }
    }

    /// The settings of another container's or the host's namespace cannot be chosen (Docker, runconfig/errors.go).
    private static func checkModes(_ spec: ContainerSpec) throws(RoostError) {
        if spec.uts == .host, !spec.hostname.isEmpty {
            throw .invalid("conflicting options: hostname and the UTS mode")
        }
        guard case .container = spec.network else { return }
        if !spec.hostname.isEmpty { throw .invalid("conflicting options: hostname and the network mode") }
        if !spec.dns.servers.isEmpty { throw .invalid("conflicting options: dns and the network mode") }
        if !spec.dns.extraHosts.isEmpty {
            throw .invalid("conflicting options: custom host-to-IP mapping and the network mode")
        }
        if !spec.dns.links.isEmpty {
            throw .invalid("conflicting options: container type network can't be used with links")
        }
        if !spec.portBindings.isEmpty || spec.publishAllPorts {
            throw .invalid("conflicting options: port publishing and the container type network mode")
        }
    }

    /// Whether a path names the root, before symbolic links are followed.
    static func isRoot(_ path: String) -> Bool { ["/", "/."].contains(path.absolutePath) }

    private static func parts(_ text: String) -> [Substring] {
        text.split(separator: ":", omittingEmptySubsequences: false)
    }

    /// `name:address`; the address may be in brackets, as newer clients send it, or `host-gateway`.
    private static func checkHost(_ entry: String) throws(RoostError) {
        guard let cut = entry.firstIndex(where: { $0 == ":" || $0 == "=" }), cut != entry.startIndex else {
            throw .invalid("bad format for add-host: \"\(entry)\"")
        }
        var address = entry[entry.index(after: cut)...]
        if address == "host-gateway" { return }
        if address.hasPrefix("["), address.hasSuffix("]") { address = address.dropFirst().dropLast() }
        guard IPAddress(address) != nil else {
            throw .invalid("invalid IP address in add-host: \"\(entry[entry.index(after: cut)...])\"")
        }
    }

    private static func checkLog(_ log: LogSpec) throws(RoostError) {
        guard ["", "json-file", "local", "none"].contains(log.driver) else {
            throw .invalid(
                "logger: no log driver named '\(log.driver)' is registered")
        }
        let known: Set<String> = [
            "max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag", "mode",
            "max-buffer-size",
        ]
        for key in log.options.keys.sorted() where !known.contains(key) {
            throw .invalid("unknown log opt '\(key)' for \(log.driver.isEmpty ? "json-file" : log.driver) log driver")
        }
        let mode = log.options["mode"] ?? "blocking"
        guard ["blocking", "non-blocking"].contains(mode) else {
            throw .invalid("logger: logging mode not supported: \(mode)")
        }
        if log.options["max-buffer-size"] != nil, mode != "non-blocking" {
            throw .invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
        }
    }
}
