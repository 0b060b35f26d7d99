import EngineModel

/// The engine's few settings.
struct EngineOptions {
    var dataRoot = "/var/lib/roost"
    var runRoot = "/run/roost"
    /// Leave by itself after so many seconds without containers and clients; nil stays.
    var idleSeconds: Int? = 300
    var logsToStandardError = false

    static let usage = """
        usage: roostd [--data-root DIR] [--run-root DIR] [--idle-timeout SECONDS|never] [--foreground]

        The engine. Any roost command that needs it starts it by itself.
          --data-root DIR         images, volumes, state (default /var/lib/roost)
          --run-root DIR          socket, lock, running containers (default /run/roost)
          --idle-timeout SECONDS  leave after so long without containers (default 300)
          --foreground            write the log to standard error, not to a file
        """

    init(_ arguments: [String]) throws(RoostError) {
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
            case "--foreground": logsToStandardError = true
            default: throw .invalid("unknown argument \(word)\n\(Self.usage)")
            }
        }
        for path in [dataRoot, runRoot] where !path.hasPrefix("/") {
            throw .invalid("\(path): a root must be an absolute path")
        }
    }
}
