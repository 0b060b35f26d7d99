import EngineModel
import GRDB
import LinuxKernel

/// Explains a full file system in the same words, wherever the write failed.
package enum DiskSpace {
    /// The error for the user, or nil if a full disk is not the cause. `place`: a path on the file system that was written to.
    package static func explain(_ error: any Error, at place: String) -> RoostError? {
        guard let room = try? Files.space(place), isShort(error, free: room.free) else { return nil }
        let lines = ((try? Files.readText("/proc/self/mountinfo")) ?? "").split(separator: "\n")
        let mounts = lines.compactMap(MountInfoLine.init).filter { mount in
            mount.mountPoint == "/" || place == mount.mountPoint || place.hasPrefix(mount.mountPoint + "/")
        }
        // Among mounts with the longest mount point, the last one hides the others.
        let name = mounts.max { $0.mountPoint.utf8.count <= $1.mountPoint.utf8.count }.map {
            "\($0.mountPoint) (\($0.type) on \($0.source))"
        }
        let free = ByteSize.decimalText(Int64(clamping: room.free))
        let total = ByteSize.decimalText(Int64(clamping: room.total))
        return .failure(
            "no space left on device: \(name ?? place) has \(free) free of \(total); free some space or choose another --data-root",
            code: .noSpace)
    }

    private static func isShort(_ error: any Error, free: UInt64) -> Bool {
        if let known = error as? RoostError { return known.code == .noSpace }
        if let call = error as? SyscallError { return [Errno.noSpace, Errno.quotaExceeded].contains(call.errno) }
        guard let database = error as? DatabaseError else { return false }
        // I/O errors have other causes too: they count only if the disk is nearly full.
        return database.resultCode == .SQLITE_FULL
            || [.SQLITE_IOERR, .SQLITE_CANTOPEN].contains(database.resultCode) && free < 1 << 20
    }
}
