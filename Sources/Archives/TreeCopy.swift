import CArchive
import LinuxKernel

/// Copies a tree with everything that an archive could carry (libarchive, archive_read_disk(3), archive_write_disk(3)).
public enum TreeCopy {
    /// From one open folder into another. Symbolic links are copied, never followed.
    public static func copy(from source: Int32, to target: Int32) throws {
        guard let reader = unsafe archive_read_disk_new(), let writer = unsafe archive_write_disk_new(),
            let entry = unsafe archive_entry_new()
        else { throw ArchiveError("out of memory") }
        defer {
            unsafe archive_entry_free(entry)
            unsafe archive_read_free(reader)
            unsafe archive_write_free(writer)
        }
        let flags =
            ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR
            | ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_SYMLINKS
        _ = unsafe archive_write_disk_set_options(writer, flags)
        _ = unsafe archive_read_disk_set_symlink_physical(reader)
        try Processes.changeDirectory("/proc/self/fd/\(source)")
        if unsafe archive_read_disk_open(reader, ".") != ARCHIVE_OK { throw unsafe error(reader) }
        while true {
            // The reader needs the source as working directory, the writer the target.
            try Processes.changeDirectory("/proc/self/fd/\(source)")
            let code = unsafe archive_read_next_header2(reader, entry)
            if code == ARCHIVE_EOF { break }
            if code < ARCHIVE_WARN { throw unsafe error(reader) }
            _ = unsafe archive_read_disk_descend(reader)
            try unsafe copyOne(reader, writer, entry, target)
        }
        try Processes.changeDirectory("/proc/self/fd/\(target)")
        if unsafe archive_write_close(writer) < ARCHIVE_WARN { throw unsafe error(writer) }
    }

    private static func copyOne(
        _ reader: OpaquePointer, _ writer: OpaquePointer, _ entry: OpaquePointer, _ target: Int32
    ) throws {
        let isFile = unsafe archive_entry_filetype(entry) == 0o100000
        try Processes.changeDirectory("/proc/self/fd/\(target)")
        if unsafe archive_write_header(writer, entry) < ARCHIVE_WARN { throw unsafe error(writer) }
        while isFile {
            var buffer: UnsafeRawPointer?
            var size = 0
            var offset: Int64 = 0
            let code = unsafe archive_read_data_block(reader, &buffer, &size, &offset)
            if code == ARCHIVE_EOF { break }
            if code < ARCHIVE_WARN { throw unsafe error(reader) }
            if unsafe archive_write_data_block(writer, buffer, size, offset) < Int(ARCHIVE_WARN) {
                throw unsafe error(writer)
            }
        }
        if unsafe archive_write_finish_entry(writer) < ARCHIVE_WARN { throw unsafe error(writer) }
    }

    private static func error(_ archive: OpaquePointer) -> ArchiveError {
        ArchiveError(unsafe archive_error_string(archive).map { unsafe String(cString: $0) } ?? "copy failed")
    }
}
