import Foundation
import LinuxKernel

/// What the engine inherits: systemd's socket, or the socket and the lock of the previous engine, from its keeper.
struct Inheritance {
    /// A listening socket (sd_listen_fds(3)).
    var socket: OwnedFD?
    var lock: OwnedFD?
    /// systemd holds the socket too, and starts an engine for the next client.
    var isSystemd: Bool { socket != nil && lock == nil }

    /// Adopts the descriptors, and clears the variables so that no child process takes itself for their receiver.
    static func take() -> Inheritance {
        var inheritance = Inheritance()
        let environment = ProcessInfo.processInfo.environment
        guard environment["LISTEN_FDS"] == "1", environment["LISTEN_PID"] == String(getpid()) else {
            return inheritance
        }
        try? Processes.closeOnExec(from: 3)
        inheritance.socket = OwnedFD(adopting: 3)
        if environment["ROOST_LOCK_FD"] == "4" { inheritance.lock = OwnedFD(adopting: 4) }
        for name in ["LISTEN_FDS", "LISTEN_PID", "ROOST_LOCK_FD"] { unsafe unsetenv(name) }
        return inheritance
    }
}
