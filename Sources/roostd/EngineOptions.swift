import APIServer
import EngineModel

/// The engine's few settings.
struct EngineOptions {
    var dataRoot = "/var/lib/roost"
    var runRoot = "/run/roost"
    /// Leave by itself after so many seconds without containers and clients; nil stays.
    var idleSeconds: Int? = 300
    var logsToStandardError = false
    var asksForHelp = false
    /// How long the volumes that `down -v` takes away can be had back.
    var trashHours: Int64 = 24
    /// Limits of containers that ask for none of their own.
    var defaultUlimits: [UlimitSpec] = []
    /// A TCP port, and the files of its TLS.
    var host: String?
    var authority: String?
    var certificate: String?
    var key: String?

    static let usage = """
        usage: roostd [--data-root DIR] [--run-root DIR] [--idle-timeout SECONDS|never] [--foreground] [--trash-hours N]
                      [--default-ulimit NAME=SOFT[:HARD]]...
                      [--host tcp://ADDRESS:PORT --tlscacert FILE --tlscert FILE --tlskey FILE]

        The engine. Any roost command that needs it starts it by itself.
          --data-root DIR         images, volumes, state (default /var/lib/roost)
          --run-root DIR          socket, lock, running containers (default /run/roost)
          --idle-timeout SECONDS  leave after so long without containers (default 300)
          --trash-hours NUMBER    keep the volumes of `down -v` so long (default 24; 0 keeps none)
          --default-ulimit LIMIT  limit of containers without one of their own, e.g. nofile=1024:524288
                                  (default: the engine's own limits at its start)
          --foreground            write the log to standard error, not to a file
          --host tcp://ADDR:PORT  serve on a port as well, to clients with certificates only
          --tlscacert FILE        the authority of clients' certificates
          --tlscert, --tlskey     the engine's own certificate and key
        """

    /// The arguments that these options came from.
    let arguments: [String]

    init(_ arguments: [String]) throws(RoostError) {
        self.arguments = arguments
        var rest = arguments[...]
        while let word = rest.popFirst() {
            func value() throws(RoostError) -> String {
                guard let next = rest.popFirst() else { throw .invalid("\(word) needs a value\n\(Self.usage)") }
                return next
            }
            switch word {
            case "--data-root": dataRoot = try value()
            case "--run-root": runRoot = try value()
            case "--idle-timeout":
                let text = try value()
                guard text == "never" || Int(text) != nil else {
                    throw .invalid("--idle-timeout takes a number of seconds, or never")
                }
                idleSeconds = Int(text)
            case "--trash-hours":
                let text = try value()
                guard let hours = Int64(text), (0...87600).contains(hours) else {
                    throw .invalid("--trash-hours takes a number of hours, 0 to 87600")
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
            throw .invalid("--tlscacert, --tlscert and --tlskey go with --host tcp://ADDRESS:PORT")
        }
        for path in [dataRoot, runRoot] where !path.hasPrefix("/") {
            throw .invalid("\(path): a root must be an absolute path")
        }
    }

    /// The port that is asked for. Throws where a certificate is missing: the API is never served in the clear.
    func listener() throws(RoostError) -> SecureListener? {
        guard let host else { return nil }
        guard let authority, let certificate, let key else {
            throw .invalid(
                "--host \(host) needs --tlscacert, --tlscert and --tlskey: whoever reaches the API is root on this machine, so it is served to clients with certificates only"
            )
        }
        return try SecureListener(address: host, authority: authority, certificate: certificate, key: key)
    }
}
