import CArchive
import LinuxKernel

/// An archive that cannot be read, or an entry that is not allowed.
package struct ArchiveError: Error, Sendable, CustomStringConvertible {
    package let message: String
    /// The error number of the failed system call, or libarchive's own for an invalid archive; nil for an entry that is refused.
    package let errno: Int32?
    package init(_ message: String, errno: Int32? = nil) {
        self.message = message
        self.errno = errno
    }
    package var description: String { message }
}

/// One entry of an archive.
package struct ArchiveEntry: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case file, directory
        case symbolicLink(target: String)
        case hardLink(target: String)
        case characterDevice(major: UInt32, minor: UInt32)
        case blockDevice(major: UInt32, minor: UInt32)
        case fifo
        case other
    }
    package let path: String
    package let kind: Kind
    /// Permission bits including the set-id and sticky bits.
    package let mode: UInt32
    package let user: UInt32
    package let group: UInt32
    package let size: Int64
    package let modifiedSeconds: Int64
    package let modifiedNanoseconds: Int
    package let attributes: [(name: String, value: [UInt8])]

    package static func == (one: ArchiveEntry, other: ArchiveEntry) -> Bool {
        one.path == other.path && one.kind == other.kind
    }
}

/// Reads tar streams, plain or compressed with gzip, zstd, bzip2 or xz, entry by entry (libarchive, archive_read(3)).
@safe package final class ArchiveReader {
    private let archive: OpaquePointer
    private var entry: OpaquePointer?

    /// Reads from the descriptor's current position; the caller keeps ownership. `raw` reads any bytes as one entry; `empty` accepts an empty input.
    package init(descriptor: Int32, raw: Bool = false, empty: Bool = true) throws(ArchiveError) {
        guard let made = unsafe archive_read_new() else { throw ArchiveError("out of memory") }
        unsafe archive = made
        _ = unsafe archive_read_support_filter_gzip(archive)
        _ = unsafe archive_read_support_filter_zstd(archive)
        _ = unsafe archive_read_support_filter_bzip2(archive)
        _ = unsafe archive_read_support_filter_xz(archive)
        if raw {
            _ = unsafe archive_read_support_format_raw(archive)
        } else {
            _ = unsafe archive_read_support_format_tar(archive)
        }
        if empty { _ = unsafe archive_read_support_format_empty(archive) }
        if unsafe archive_read_open_fd(archive, descriptor, 1 << 18) != ARCHIVE_OK { throw lastError() }
    }

    deinit { unsafe archive_read_free(archive) }

    /// Whether a file is a tar archive, plain or compressed, judged by its content, not its name.
    package static func isArchive(_ path: String) throws -> Bool {
        let file = try Files.open(path, [.readOnly, .nonBlocking])
        guard let reader = try? ArchiveReader(descriptor: file.raw, empty: false) else { return false }
        return (try? reader.next()) != nil
    }

    /// For the extractor in this file, which passes libarchive's entries on unchanged.
    fileprivate var pointer: OpaquePointer { unsafe archive }
    fileprivate var currentEntry: OpaquePointer? { unsafe entry }

    private func lastError() -> ArchiveError {
        ArchiveError(unsafe archiveReason(archive), errno: unsafe archive_errno(archive))
    }

    /// The next entry; nil at the end.
    package func next() throws(ArchiveError) -> ArchiveEntry? {
        let code = unsafe archive_read_next_header(archive, &entry)
        if code == ARCHIVE_EOF { return nil }
        if code < ARCHIVE_WARN { throw lastError() }
        guard let entry = unsafe entry else { return nil }
        guard let name = unsafe archive_entry_pathname(entry) else { throw ArchiveError("an entry without a name") }
        return unsafe ArchiveEntry(
            path: FileName.text(name), kind: kind(entry), mode: archive_entry_mode(entry) & 0o7777,
            user: UInt32(truncatingIfNeeded: archive_entry_uid(entry)),
            group: UInt32(truncatingIfNeeded: archive_entry_gid(entry)),
            size: archive_entry_size(entry), modifiedSeconds: Int64(archive_entry_mtime(entry)),
            modifiedNanoseconds: archive_entry_mtime_nsec(entry), attributes: extendedAttributes(entry))
    }

    private func kind(_ entry: OpaquePointer) -> ArchiveEntry.Kind {
        if let target = unsafe archive_entry_hardlink(entry) {
            return .hardLink(target: unsafe FileName.text(target))
        }
        let device = unsafe (
            UInt32(truncatingIfNeeded: archive_entry_rdevmajor(entry)),
            UInt32(truncatingIfNeeded: archive_entry_rdevminor(entry))
        )
        switch unsafe archive_entry_filetype(entry) {
        case 0o100000: return .file
        case 0o040000: return .directory
        case 0o120000:
            return .symbolicLink(target: unsafe archive_entry_symlink(entry).map { unsafe FileName.text($0) } ?? "")
        case 0o020000: return .characterDevice(major: device.0, minor: device.1)
        case 0o060000: return .blockDevice(major: device.0, minor: device.1)
        case 0o010000: return .fifo
        default: return .other
        }
    }

    private func extendedAttributes(_ entry: OpaquePointer) -> [(name: String, value: [UInt8])] {
        var found: [(name: String, value: [UInt8])] = []
        unsafe archive_entry_xattr_reset(entry)
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while unsafe archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK {
            guard let key = unsafe name, let bytes = unsafe value else { continue }
            unsafe found.append((String(cString: key), Array(UnsafeRawBufferPointer(start: bytes, count: size))))
        }
        return found
    }

    /// The next bytes of the current entry; empty at its end.
    package func read(limit: Int = 1 << 18) throws(ArchiveError) -> [UInt8] {
        var count = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
            count = unsafe archive_read_data(archive, buffer.baseAddress, limit)
            filled = max(0, count)
        }
        if count < 0 { throw lastError() }
        return bytes
    }

    /// The whole content of the current entry; throws if it has more than `limit` bytes.
    package func readAll(limit: Int) throws(ArchiveError) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let part = try read()
            if part.isEmpty { return all }
            all += part
            if all.count > limit { throw ArchiveError("an entry is larger than \(limit) bytes") }
        }
    }

    /// Copies the current entry's data to a file, preserving holes.
    package func copy(to descriptor: Int32) throws(ArchiveError) {
        if unsafe archive_read_data_into_fd(archive, descriptor) < ARCHIVE_WARN { throw lastError() }
    }
}

/// Writes a tar stream (libarchive, archive_write(3)); pax headers only where ustar cannot represent the entry.
@safe package final class ArchiveWriter {
    private let archive: OpaquePointer

    package init(descriptor: Int32, gzip: Bool = false) throws(ArchiveError) {
        guard let made = unsafe archive_write_new() else { throw ArchiveError("out of memory") }
        unsafe archive = made
        if gzip { _ = unsafe archive_write_add_filter_gzip(archive) }
        _ = unsafe archive_write_set_format_pax_restricted(archive)
        _ = unsafe archive_write_set_bytes_in_last_block(archive, 1)
        if unsafe archive_write_open_fd(archive, descriptor) != ARCHIVE_OK { throw lastError() }
    }

    /// A single gzip stream without tar framing.
    fileprivate init(rawGzip descriptor: Int32) throws(ArchiveError) {
        guard let made = unsafe archive_write_new() else { throw ArchiveError("out of memory") }
        unsafe archive = made
        _ = unsafe archive_write_add_filter_gzip(archive)
        _ = unsafe archive_write_set_format_raw(archive)
        _ = unsafe archive_write_set_options(archive, "gzip:!timestamp,gzip:compression-level=4")
        _ = unsafe archive_write_set_bytes_in_last_block(archive, 1)
        if unsafe archive_write_open_fd(archive, descriptor) != ARCHIVE_OK { throw lastError() }
        try add("data", kind: .file, mode: 0o600, size: 0, modifiedSeconds: 0)
    }

    /// Whether the trailer was written. archive_write_free(3) writes it too, which would make a truncated archive look complete.
    private var isFinished = false

    deinit {
        if !isFinished { _ = unsafe archive_write_fail(archive) }
        unsafe archive_write_free(archive)
    }

    private func lastError() -> ArchiveError {
        ArchiveError(unsafe archiveReason(archive), errno: unsafe archive_errno(archive))
    }

    package func add(
        _ path: String, kind: ArchiveEntry.Kind, mode: UInt32, user: UInt32 = 0, group: UInt32 = 0, size: Int64,
        modifiedSeconds: Int64, attributes: [(name: String, value: [UInt8])] = []
    ) throws(ArchiveError) {
        guard let entry = unsafe archive_entry_new() else { throw ArchiveError("out of memory") }
        defer { unsafe archive_entry_free(entry) }
        unsafe withPath(path) { unsafe archive_entry_copy_pathname(entry, $0) }
        unsafe archive_entry_set_perm(entry, mode)
        unsafe archive_entry_set_uid(entry, Int64(user))
        unsafe archive_entry_set_gid(entry, Int64(group))
        unsafe archive_entry_set_mtime(entry, time_t(modifiedSeconds), 0)
        var dataSize: Int64 = 0
        switch kind {
        case .file:
            unsafe archive_entry_set_filetype(entry, 0o100000)
            dataSize = size
        case .directory: unsafe archive_entry_set_filetype(entry, 0o040000)
        case .symbolicLink(let target):
            unsafe archive_entry_set_filetype(entry, 0o120000)
            unsafe withPath(target) { unsafe archive_entry_copy_symlink(entry, $0) }
        case .hardLink(let target): unsafe withPath(target) { unsafe archive_entry_copy_hardlink(entry, $0) }
        case .characterDevice(let major, let minor):
            unsafe archive_entry_set_filetype(entry, 0o020000)
            unsafe archive_entry_set_rdevmajor(entry, dev_t(major))
            unsafe archive_entry_set_rdevminor(entry, dev_t(minor))
        case .blockDevice(let major, let minor):
            unsafe archive_entry_set_filetype(entry, 0o060000)
            unsafe archive_entry_set_rdevmajor(entry, dev_t(major))
            unsafe archive_entry_set_rdevminor(entry, dev_t(minor))
        case .fifo: unsafe archive_entry_set_filetype(entry, 0o010000)
        case .other: throw ArchiveError("\(path): a socket cannot be archived")
        }
        unsafe archive_entry_set_size(entry, dataSize)
        for attribute in attributes {
            unsafe archive_entry_xattr_add_entry(entry, attribute.name, attribute.value, attribute.value.count)
        }
        if unsafe archive_write_header(archive, entry) < ARCHIVE_WARN { throw lastError() }
    }

    package func write(_ bytes: [UInt8]) throws(ArchiveError) {
        if unsafe archive_write_data(archive, bytes, bytes.count) < 0 { throw lastError() }
    }

    /// Writes the archive's trailer; without it the archive is truncated.
    package func finish() throws(ArchiveError) {
        isFinished = true
        if unsafe archive_write_close(archive) != ARCHIVE_OK { throw lastError() }
    }
}

/// Extracts a tar stream below the working directory with owners, modes, times, extended attributes and holes (libarchive,
/// archive_write_disk(3)). Follows symbolic links unless `refusesLinks` is set: for confined helpers, whose root limits where links lead.
@safe package final class ArchiveExtractor {
    private let archive: OpaquePointer
    private let disk: OpaquePointer
    private let reader: ArchiveReader
    /// Whether the archive holds the content of a directory without the directory itself: names begin with `./` or `/`. Decided by the first entry.
    private var holdsContent: Bool?

    /// `refusesLinks`: never write through a symbolic link, for directories that are not confined.
    package init(descriptor: Int32, refusesLinks: Bool = false) throws(ArchiveError) {
        reader = try ArchiveReader(descriptor: descriptor)
        unsafe archive = reader.pointer
        guard let made = unsafe archive_write_disk_new() else { throw ArchiveError("out of memory") }
        unsafe disk = made
        let flags =
            ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR
            | ARCHIVE_EXTRACT_UNLINK
            | ARCHIVE_EXTRACT_SECURE_NODOTDOT
        _ = unsafe archive_write_disk_set_options(
            disk, refusesLinks ? flags | ARCHIVE_EXTRACT_SECURE_SYMLINKS : flags)
    }

    deinit { unsafe archive_write_free(disk) }

    package func next() throws(ArchiveError) -> ArchiveEntry? { try reader.next() }

    /// Extracts the current entry, with another owner if given. `rebase` replaces the first component of the entry's path, or is prepended
    /// if the archive holds only the content of a directory.
    package func extract(owner: (user: UInt32, group: UInt32)? = nil, rebase: String? = nil) throws(ArchiveError) {
        guard let entry = unsafe reader.currentEntry else { return }
        if let rebase { unsafe rename(entry, rebase) }
        unsafe makeRelative(entry)
        if let owner {
            unsafe archive_entry_set_uid(entry, Int64(owner.user))
            unsafe archive_entry_set_gid(entry, Int64(owner.group))
        }
        let path = unsafe archive_entry_pathname(entry).map { unsafe FileName.text($0) } ?? "?"
        try unsafe check(archive_write_header(disk, entry), path)
        if unsafe archive_entry_size(entry) > 0, unsafe archive_entry_hardlink(entry) == nil { try copyData(path) }
        try unsafe check(archive_write_finish_entry(disk), path)
    }

    private func rename(_ entry: OpaquePointer, _ first: String) {
        let name = unsafe archive_entry_pathname(entry).map { unsafe FileName.text($0) } ?? ""
        let isContent = holdsContent ?? (name == "." || name.hasPrefix("./") || name.hasPrefix("/"))
        holdsContent = isContent
        func renamed(_ text: String) -> String {
            let parts = FileName.parts(text).filter { $0 != "." }
            return ([first] + parts.dropFirst(isContent ? 0 : 1).map(String.init)).joined(separator: "/")
        }
        if let path = unsafe archive_entry_pathname(entry) {
            unsafe withPath(renamed(unsafe FileName.text(path))) { unsafe archive_entry_copy_pathname(entry, $0) }
        }
        if let target = unsafe archive_entry_hardlink(entry) {
            unsafe withPath(renamed(unsafe FileName.text(target))) { unsafe archive_entry_copy_hardlink(entry, $0) }
        }
    }

    /// Absolute names are relative to the image's root, which is the working directory.
    private func makeRelative(_ entry: OpaquePointer) {
        if let path = unsafe archive_entry_pathname(entry), unsafe path[0] == 47 {
            unsafe archive_entry_copy_pathname(entry, [CChar](arrayLiteral: 46) + cString(path))
        }
        if let target = unsafe archive_entry_hardlink(entry), unsafe target[0] == 47 {
            unsafe archive_entry_copy_hardlink(entry, [CChar](arrayLiteral: 46) + cString(target))
        }
    }

    private func cString(_ pointer: UnsafePointer<CChar>) -> [CChar] {
        var bytes: [CChar] = []
        var index = 0
        while unsafe pointer[index] != 0 {
            unsafe bytes.append(pointer[index])
            index += 1
        }
        return bytes + [0]
    }

    private func copyData(_ path: String) throws(ArchiveError) {
        while true {
            var buffer: UnsafeRawPointer?
            var size = 0
            var offset: Int64 = 0
            let code = unsafe archive_read_data_block(archive, &buffer, &size, &offset)
            if code == ARCHIVE_EOF { return }
            if code < ARCHIVE_WARN { throw unsafe failure(archive, path) }
            // The disk writer reports a failed write as a warning and would continue.
            if unsafe archive_write_data_block(disk, buffer, size, offset) < Int(ARCHIVE_OK) {
                throw unsafe failure(disk, path)
            }
        }
    }

    /// A warning means that a file attribute could not be set, e.g. the owner without privileges. It is an error if the disk is the cause.
    private func check(_ code: CInt, _ path: String) throws(ArchiveError) {
        if code == ARCHIVE_OK { return }
        let isDisk = unsafe Errno.ofDisk.contains(archive_errno(disk))
        if code < ARCHIVE_WARN || isDisk { throw unsafe failure(disk, path) }
    }

    private func failure(_ source: OpaquePointer, _ path: String) -> ArchiveError {
        ArchiveError("entry \"\(path)\": \(unsafe archiveReason(source))", errno: unsafe archive_errno(source))
    }

    /// Sets the times and modes of directories, which must wait until their content is written.
    package func finish() throws(ArchiveError) {
        try unsafe check(archive_write_close(disk), "end of archive")
    }
}

/// Why an operation failed, without libarchive's internal wording.
func archiveReason(_ archive: OpaquePointer) -> String {
    let number = unsafe archive_errno(archive)
    // Positive numbers are errno values, except the two that libarchive uses for its own errors (ARCHIVE_ERRNO_FILE_FORMAT,
    // ARCHIVE_ERRNO_PROGRAMMER).
    if number > 0, number != Errno.illegalSequence, number != Errno.invalid { return describeErrno(number) }
    let text = unsafe archive_error_string(archive).map { unsafe String(cString: $0) } ?? ""
    if text.contains("runcated") { return "the archive is truncated" }
    if text.contains("nrecognized archive format") { return "not a tar archive" }
    return text.isEmpty ? "the archive cannot be read" : text.prefix(1).lowercased() + text.dropFirst()
}

/// gzip without a name and timestamp, so that the same input gives the same output.
package enum Gzip {
    package static func compress(_ source: Int32, to target: Int32) throws {
        let writer = try ArchiveWriter(rawGzip: target)
        while true {
            let part = try readSome(source, limit: 1 << 18)
            if part.isEmpty { break }
            try writer.write(part)
        }
        try writer.finish()
    }
}
