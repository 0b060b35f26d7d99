/// File modes in Go's `os.FileMode` encoding, as in `X-Docker-Container-Path-Stat` and in BuildKit sessions.
package enum GoFileMode {
    /// `os.ModeDir` and `os.ModeSymlink`.
    package static let directory: UInt32 = 1 << 31
    package static let symbolicLink: UInt32 = 1 << 27

    /// From `st_mode` (inode(7)).
    package static func value(_ mode: UInt32) -> UInt32 {
        var value = mode & 0o777
        switch mode & 0o170000 {
        case 0o040000: value |= directory
        case 0o120000: value |= symbolicLink
        case 0o060000: value |= 1 << 26
        case 0o020000: value |= 1 << 26 | 1 << 21
        case 0o010000: value |= 1 << 25
        case 0o140000: value |= 1 << 24
        default: break
        }
        if mode & 0o4000 != 0 { value |= 1 << 23 }
        if mode & 0o2000 != 0 { value |= 1 << 22 }
        if mode & 0o1000 != 0 { value |= 1 << 20 }
        return value
    }
}
