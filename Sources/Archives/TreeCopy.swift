import CArchive
import LinuxKernel

/// Copies a directory tree with all metadata that an archive can hold (libarchive, archive_read_disk(3), archive_write_disk(3)).
package enum TreeCopy {
    private struct FileIdentity: Hashable {
        let device: UInt64
        let inode: Int64
    }

    /// Copies from one open directory into another. Symbolic links are copied, never followed; hard links are preserved.
    package static func copy(from source: OwnedFD, to target: OwnedFD) throws {
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
        try Processes.changeDirectory(source)
        var seen: [FileIdentity: String] = [:]
        if unsafe archive_read_disk_open(reader, ".") != ARCHIVE_OK { throw unsafe error(reader) }
        while true {
            // The reader needs the source as its working directory, the writer the target.
            try Processes.changeDirectory(source)
            let code = unsafe archive_read_next_header2(reader, entry)
            if code == ARCHIVE_EOF { break }
            if code < ARCHIVE_WARN { throw unsafe error(reader) }
            _ = unsafe archive_read_disk_descend(reader)
            try Processes.changeDirectory(target)
            try unsafe copyOne(reader, writer, entry, &seen)
        }
        try Processes.changeDirectory(target)
        if unsafe archive_write_close(writer) < ARCHIVE_WARN { throw unsafe error(writer) }
    }

    private static func copyOne(
        _ reader: OpaquePointer, _ writer: OpaquePointer, _ entry: OpaquePointer, _ seen: inout [FileIdentity: String]
    ) throws {
        let isLink = unsafe linkToFirstName(entry, &seen)
        let isFile = unsafe !isLink && archive_entry_filetype(entry) == 0o100000
        if unsafe archive_write_header(writer, entry) < ARCHIVE_WARN { throw unsafe error(writer) }
        while isFile {
            var buffer: UnsafeRawPointer?
            var size = 0
            var offset: Int64 = 0
            let code = unsafe archive_read_data_block(reader, &buffer, &size, &offset)
            if code == ARCHIVE_EOF { break }
            if code < ARCHIVE_WARN { throw unsafe error(reader) }
            if unsafe archive_write_data_block(writer, buffer, size, offset) < Int(ARCHIVE_OK) {
                throw unsafe error(writer)
            }
        }
        if unsafe archive_write_finish_entry(writer) < ARCHIVE_WARN { throw unsafe error(writer) }
    }

    /// A file with several hard links is written once; libarchive's reader does not report which names belong together.
    private static func linkToFirstName(_ entry: OpaquePointer, _ seen: inout [FileIdentity: String]) -> Bool {
        guard unsafe archive_entry_filetype(entry) != 0o040000, unsafe archive_entry_nlink(entry) > 1,
            let name = unsafe archive_entry_pathname(entry).map({ unsafe FileName.text($0) })
        else { return false }
        let file = unsafe FileIdentity(device: UInt64(archive_entry_dev(entry)), inode: archive_entry_ino64(entry))
        guard let first = seen[file] else {
            seen[file] = name
            return false
        }
        unsafe withPath(first) { unsafe archive_entry_copy_hardlink(entry, $0) }
        unsafe archive_entry_unset_size(entry)
        return true
    }

    private static func error(_ archive: OpaquePointer) -> ArchiveError {
        ArchiveError(unsafe archiveReason(archive), errno: unsafe archive_errno(archive))
    }
}
