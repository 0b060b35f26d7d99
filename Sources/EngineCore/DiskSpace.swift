import EngineModel
import GRDB
import LinuxKernel

/// What a full file system is called, whoever found it full.
public enum DiskSpace {
    /// The error for the user; nil where a full disk is not the cause. `place`: a path on the file system that was written to.
    public static func explain(_ error: any Error, at place: String) -> RoostError? {
        guard let room = try? Files.space(place), isShort(error, free: room.free) else { return nil }
        let lines = ((try? Files.readText("/proc/self/mountinfo")) ?? "").split(separator: "\n")
        let mounts = lines.compactMap(MountInfoLine.init).filter { mount in
            mount.mountPoint == "/" || place == mount.mountPoint || place.hasPrefix(mount.mountPoint + "/")
        }
        // The last one of the longest covers those before it.
        let name = mounts.max { $0.mountPoint.utf8.count <= $1.mountPoint.utf8.count }.map {
            "\($0.mountPoint) (\($0.type) on \($0.source))"
        }
        let free = ByteSize.decimalText(Int64(clamping: room.free))
        let total = ByteSize.decimalText(Int64(clamping: room.total))
        return .failure(
            "no space left on device: \(name ?? place) has \(free) free of \(total); free some space or choose another --data-root"
        )
    }

    private static func isShort(_ error: any Error, free: UInt64) -> Bool {
        if let call = error as? SyscallError { return [Errno.noSpace, Errno.quotaExceeded].contains(call.errno) }
        guard let database = error as? DatabaseError else { return false }
        // Errors of input and output have other causes too.
        return database.resultCode == .SQLITE_FULL
            || [.SQLITE_IOERR, .SQLITE_CANTOPEN].contains(database.resultCode) && free < 1 << 20
    }
}
