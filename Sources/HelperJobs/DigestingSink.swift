import EngineModel
import HelperProtocol
import LinuxKernel
import OCI

import struct Crypto.SHA256

/// Computes one digest of a selection. File times do not count.
struct DigestingSink: SelectionSink {
    let cache: DigestCache?
    private var hash = SHA256()
    /// Buffered, so that ten thousand files do not take as many update calls.
    private var pending: [UInt8] = []

    init(cache: DigestCache?) { self.cache = cache }

    mutating func take(_ path: String, _ status: FileStatus, as name: String, _ selection: RootRequest.Selection) throws
    {
        pending += name.utf8
        pending.append(0)
        append(UInt64(selection.mode ?? status.mode & 0o7777))
        append(UInt64(selection.owner?.user ?? status.user) << 32 | UInt64(selection.owner?.group ?? status.group))
        var hasAttributes = !status.isSymbolicLink
        if status.isRegular {
            let content = try content(path, status)
            pending.append(102)
            pending += content.digest
            hasAttributes = content.hasAttributes
        } else if status.isSymbolicLink {
            pending.append(108)
            appendText(try Files.readLink(path))
        } else if status.isDirectory {
            pending.append(100)
        } else {
            pending.append(115)
            append(UInt64(status.mode & 0o170000))
            append(status.specialDevice)
        }
        if hasAttributes {
            for attribute in try Files.attributes(path) where TreeArchiver.isKept(attribute.name) {
                appendText(attribute.name)
                append(UInt64(attribute.value.count))
                pending += attribute.value
            }
        }
        pending.append(10)
        if pending.count > 1 << 16 { flush() }
    }

    private mutating func append(_ number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            pending.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
        }
    }

    private mutating func appendText(_ text: String) {
        append(UInt64(text.utf8.count))
        pending += text.utf8
    }

    private mutating func flush() {
        hash.update(data: pending)
        pending.removeAll(keepingCapacity: true)
    }

    mutating func makeDirectory(_ path: String, _ selection: RootRequest.Selection) throws {
        appendText(path)
        append(UInt64(selection.mode ?? 0o755))
        append(UInt64(selection.owner?.user ?? 0) << 32 | UInt64(selection.owner?.group ?? 0))
    }

    /// The digest of a file's content, and whether it may have extended attributes that must be read.
    private func content(_ path: String, _ status: FileStatus) throws -> (digest: [UInt8], hasAttributes: Bool) {
        if let known = cache?.digest(status) { return known }
        var file = SHA256()
        let source = try Files.open(path, [.readOnly, .nonBlocking])
        while true {
            let part = try readSome(source.raw, limit: 1 << 18)
            if part.isEmpty { break }
            file.update(data: part)
        }
        let digest = Array(file.finalize())
        let hasAttributes = try !Files.attributes(path).isEmpty
        cache?.remember(status, digest, hasAttributes: hasAttributes)
        return (digest, hasAttributes)
    }

    mutating func unpack(
        _ path: String, _ status: FileStatus, into folder: String, _ selection: RootRequest.Selection
    ) throws {
        if selection.changesOwner, let owner = selection.owner {
            append(UInt64(owner.user) << 32 | UInt64(owner.group))
        }
        appendText(folder)
        pending.append(97)
        pending += try content(path, status).digest
    }

    var result: Digest {
        var whole = hash
        whole.update(data: pending)
        return Digest(sha256: Array(whole.finalize()))
    }
}
