/// Parses the TCP sockets of a network namespace, `/proc/PID/net/tcp` (proc(5)).
package enum ConnectionTable {
    /// Whether a connection to one of these local ports is in state ESTABLISHED, SYN_RECV or CLOSE_WAIT.
    package static func hasOpen(_ table: String, ports: Set<UInt16>) -> Bool {
        table.split(separator: "\n").dropFirst().contains { line in
            let fields = line.split(separator: " ")
            // Fields: sl, local address:port, remote address:port, state; in hexadecimal.
            guard fields.count > 3, ["01", "03", "08"].contains(fields[3]),
                let port = fields[1].split(separator: ":").last.flatMap({ UInt16($0, radix: 16) })
            else { return false }
            return ports.contains(port)
        }
    }
}
