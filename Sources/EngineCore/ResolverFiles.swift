import EngineModel
import LinuxKernel

/// The contents of a container's resolv.conf and hosts. Built from typed values, never from raw text.
enum ResolverFiles {
    /// The address of the embedded resolver in containers.
    static let embeddedAddress: [UInt8] = [127, 0, 0, 11]

    /// The host's DNS servers. A stub on loopback works too, because the engine queries it from the host.
    static func hostServers() -> [IPAddress] { parse(hostText()).servers }

    private static func hostText() -> String {
        effective(read("/etc/resolv.conf"), resolved: read("/run/systemd/resolve/resolv.conf"))
    }

    /// The host's file, or the one with the real servers if the host's names only the stub of systemd-resolved
    /// (systemd-resolved.service(8)), which containers cannot reach.
    static func effective(_ text: String, resolved: String) -> String {
        let stub = IPAddress(bytes: [127, 0, 0, 53])
        return parse(text).servers == [stub] && !resolved.isEmpty ? resolved : text
    }

    private static func read(_ path: String) -> String { (try? Files.readText(path, limit: 65536)) ?? "" }

    static func parse(_ text: String) -> (servers: [IPAddress], search: [String], options: [String]) {
        var result: (servers: [IPAddress], search: [String], options: [String]) = ([], [], [])
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
            guard words.count > 1 else { continue }
            switch words[0] {
            case "nameserver": if let address = IPAddress(words[1]) { result.servers.append(address) }
            case "search", "domain": result.search = Array(words.dropFirst())
            case "options": result.options += words.dropFirst()
            default: break
            }
        }
        return result
    }

    static func resolvConf(_ dns: DNSSpec, embedded: Bool, hostNetwork: Bool) -> String {
        let hostFile = hostNetwork ? read("/etc/resolv.conf") : hostText()
        if hostNetwork, dns == DNSSpec() { return hostFile }
        let host = parse(hostFile)
        var servers = dns.servers.isEmpty ? host.servers : dns.servers
        if embedded {
            servers = [IPAddress(bytes: embeddedAddress)]
        } else if !hostNetwork, dns.servers.isEmpty {
            // A resolver on the host's loopback is unreachable from a container.
            servers = servers.filter { !$0.isLoopback }
            if servers.isEmpty { servers = [IPAddress(bytes: [8, 8, 8, 8]), IPAddress(bytes: [8, 8, 4, 4])] }
        }
        var text = servers.map { "nameserver \($0)\n" }.joined()
        let search = dns.search.isEmpty ? host.search : dns.search.filter { $0 != "." }
        if !search.isEmpty { text += "search \(search.joined(separator: " "))\n" }
        let options =
            (dns.options.isEmpty ? host.options : dns.options) + (embedded && dns.options.isEmpty ? ["ndots:0"] : [])
        if !options.isEmpty { text += "options \(options.joined(separator: " "))\n" }
        return text
    }

    static func hosts(
        _ record: ContainerRecord, hostname: String, gateway: IPAddress?, links: [(IPAddress, String)] = []
    )
        throws(RoostError) -> String
    {
        var text = """
            127.0.0.1\tlocalhost
            ::1\tlocalhost ip6-localhost ip6-loopback
            fe00::0\tip6-localnet
            ff00::0\tip6-mcastprefix
            ff02::1\tip6-allnodes
            ff02::2\tip6-allrouters

            """
        for entry in record.spec.dns.extraHosts {
            let parts = entry.split(separator: entry.contains("=") ? "=" : ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw .invalid("bad format for add-host: \"\(entry)\"; use name:address") }
            let value = parts[1].trimmingBrackets
            guard let address = value == "host-gateway" ? gateway : IPAddress(value) else {
                throw .invalid("invalid IP address in add-host: \"\(value)\"")
            }
            text += "\(address)\t\(parts[0])\n"
        }
        for (address, names) in links { text += "\(address)\t\(names)\n" }
        let whole = record.spec.domainname.isEmpty ? hostname : "\(hostname).\(record.spec.domainname)"
        let short = whole.prefix { $0 != "." }
        let names = short.isEmpty || short == whole ? whole : "\(whole) \(short)"
        for endpoint in record.endpoints {
            for address in [endpoint.address4, endpoint.address6].compactMap({ $0 }) {
                text += "\(address)\t\(names)\n"
            }
        }
        return text
    }
}

extension String {
    var trimmingBrackets: String { hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self }
}
