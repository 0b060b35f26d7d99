import LinuxKernel

/// Standard output and standard error; what cannot be written is dropped, as when a pipe's reader has gone.
enum Output {
    static func line(_ text: String) { try? writeAll(1, Array((text + "\n").utf8)) }
    static func raw(_ text: String) { try? writeAll(1, Array(text.utf8)) }
    static func error(_ text: String) { try? writeAll(2, Array((text + "\n").utf8)) }
}
