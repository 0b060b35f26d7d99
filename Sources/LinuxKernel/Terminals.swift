import CLinux
import Glibc

/// Pseudoterminals (pty(7)), and the size and mode of the user's terminal.
package enum Terminals {
    /// Opens a new pseudoterminal pair through the `ptmx` of a devpts instance.
    package static func open(_ ptmx: String) throws(SyscallError) -> (master: OwnedFD, slave: OwnedFD) {
        let master = try Files.open(ptmx, [.readWrite, .noTerminal])
        let raw = master.raw
        try check("ioctl", "TIOCSPTLCK") { roost_ioctl_int(raw, ROOST_TIOCSPTLCK, 0) }
        // By ioctl, not by name: the name is only valid inside the container.
        let slave = try OwnedFD(
            adopting: check("ioctl", "TIOCGPTPEER") {
                roost_ioctl_value(raw, ROOST_TIOCGPTPEER, Int(O_RDWR | O_NOCTTY | O_CLOEXEC))
            })
        return (master, slave)
    }

    /// Makes the terminal the controlling terminal of this session (TIOCSCTTY).
    package static func control(_ fd: CInt) throws(SyscallError) {
        try check("ioctl", "TIOCSCTTY") { roost_ioctl_value(fd, ROOST_TIOCSCTTY, 0) }
    }

    package static func setWindow(_ fd: CInt, rows: UInt16, columns: UInt16) throws(SyscallError) {
        try check("ioctl", "TIOCSWINSZ") { roost_set_window(fd, rows, columns) }
    }

    package static func window(_ fd: CInt) -> (rows: UInt16, columns: UInt16)? {
        var rows: UInt16 = 0
        var columns: UInt16 = 0
        guard unsafe roost_get_window(fd, &rows, &columns) == 0, columns > 0 else { return nil }
        return (rows, columns)
    }

    package static func isTerminal(_ fd: CInt) -> Bool { isatty(fd) == 1 }

    /// Saved terminal settings, for `restore`.
    package struct Settings: Sendable { fileprivate let raw: termios }

    /// Puts the terminal into raw mode (termios(3), cfmakeraw); returns the previous settings, nil if the descriptor is not a terminal.
    package static func makeRaw(_ fd: CInt) -> Settings? {
        var settings = termios()
        guard unsafe tcgetattr(fd, &settings) == 0 else { return nil }
        let before = Settings(raw: settings)
        unsafe cfmakeraw(&settings)
        _ = unsafe tcsetattr(fd, TCSADRAIN, &settings)
        return before
    }

    /// Turns off echo, for passwords; returns the previous settings, nil if the descriptor is not a terminal.
    package static func hideInput(_ fd: CInt) -> Settings? {
        var settings = termios()
        guard unsafe tcgetattr(fd, &settings) == 0 else { return nil }
        let before = Settings(raw: settings)
        settings.c_lflag &= ~tcflag_t(ECHO)
        _ = unsafe tcsetattr(fd, TCSADRAIN, &settings)
        return before
    }

    package static func restore(_ fd: CInt, _ settings: Settings) {
        var raw = settings.raw
        _ = unsafe tcsetattr(fd, TCSADRAIN, &raw)
    }
}
