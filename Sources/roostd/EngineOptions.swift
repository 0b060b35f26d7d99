import APIServer
import EngineModel

/// The engine's settings.
struct EngineOptions {
    var dataRoot = "/var/lib/roost"
    var runRoot = "/run/roost"
    /// Exit after this many seconds without containers and requests; nil disables it.
    var idleSeconds: Int? = 300
    var logsToStandardError = false
    var asksForHelp = false
    /// How long volumes removed by `down -v` can be restored, in hours.
    var trashHours: Int64 = 24
    /// Limits of containers that set none of their own.
    var defaultUlimits: [UlimitSpec] = []
    /// A TCP address, and its TLS files.
    var host: String?
    var authority: String?
    var certificate: String?
    var key: String?

    static let usage = """
        usage: roostd [--data-root DIR] [--run-root DIR] [--idle-timeout SECONDS|never] [--foreground] [--trash-hours N]
                      [--default-ulimit NAME=SOFT[:HARD]]...
                      [--host tcp://ADDRESS:PORT --tlscacert FILE --tlscert FILE --tlskey FILE]

        The Roost engine. Any roost command that needs it starts it automatically.
          --data-root DIR         images, volumes, state (default /var/lib/roost)
          --run-root DIR          socket, lock, running containers (default /run/roost)
          --idle-timeout SECONDS  exit after this time without containers (default 300)
          --trash-hours NUMBER    keep volumes removed by `down -v` for this time (default 24; 0 keeps none)
          --default-ulimit LIMIT  default limit of containers, e.g. nofile=1024:524288
                                  (default: the limits with which the engine was started)
          --foreground            write the log to standard error instead of a file
          --host tcp://ADDR:PORT  also serve on a TCP port, to clients with certificates only
          --tlscacert FILE        CA certificate of the clients' certificates
          --tlscert, --tlskey     certificate and key of the engine
        """

    /// The arguments that these options came from.
    let arguments: [String]

    init(_ arguments: [String]) throws(RoostError) {
        self.arguments = arguments
        var rest = arguments[...]
        while let word = rest.popFirst() {
            func value() throws(RoostError) -> String {
                guard let next = rest.popFirst() else { throw .invalid("\(word) requires a value\n\(Self.usage)") }
                return next
            }
            switch word {
            case "--data-root": dataRoot = try value()
            case "--run-root": runRoot = try value()
            case "--idle-timeout":
                let text = try value()
                guard text == "never" || Int(text) != nil else {
                    throw .invalid("invalid value for --idle-timeout: expected a number of seconds, or never")
                }
                idleSeconds = Int(text)
            case "--trash-hours":
                let text = try value()
                guard let hours = Int64(text), (0...87600).contains(hours) else {
                    throw .invalid("invalid value for --trash-hours: expected a number of hours, 0 to 87600")
                }
                trashHours = hours
            case "--default-ulimit": defaultUlimits.append(try UlimitSpec(parsing: try value()))
            case "-h", "--help": asksForHelp = true
            case "--foreground": logsToStandardError = true
            case "-H", "--host": host = try value()
            case "--tlscacert": authority = try value()
            case "--tlscert": certificate = try value()
            case "--tlskey": key = try value()
            case "--tls", "--tlsverify": break
            default: throw .invalid("unknown argument \(word)\n\(Self.usage)")
            }
        }
        if host == nil, authority ?? certificate ?? key != nil {
            throw .invalid("--tlscacert, --tlscert and --tlskey require --host tcp://ADDRESS:PORT")
        }
        for path in [dataRoot, runRoot] where !path.hasPrefix("/") {
            throw .invalid("\(path): must be an absolute path")
        }
    }

    /// The requested TCP listener. Throws if a certificate is missing: the API is never served without TLS.
    func listener() throws(RoostError) -> SecureListener? {
        guard let host else { return nil }
        guard let authority, let certificate, let key else {
            throw .invalid(
                "--host \(host) requires --tlscacert, --tlscert and --tlskey: access to the API is root access to this host, so it is served to clients with certificates only"
            )
        }
        return try SecureListener(address: host, authority: authority, certificate: certificate, key: key)
    }
}
