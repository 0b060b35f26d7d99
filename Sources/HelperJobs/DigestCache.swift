import LinuxKernel

/// File digests keyed by inode, size and times: an unchanged file need not be read again. The change time also covers extended attributes,
/// so that a file that had none still has none.
///
/// The cache file is an array of fixed-length records sorted by inode and is searched in place: checking a context of ten thousand files
/// takes a millisecond.
final class DigestCache {
    /// Inode, size, modification time, change time and flags, followed by the digest.
    private struct Record {
        var inode: UInt64
        var size: UInt64
        var modified: UInt64
        var changed: UInt64
        var flags: UInt64
        var digest: ArraySlice<UInt8>

        func isSame(_ status: FileStatus) -> Bool {
            size == UInt64(bitPattern: status.size)
                && modified == UInt64(bitPattern: status.modificationTime)
                && changed == UInt64(bitPattern: status.changedNanoseconds)
        }
    }

    private static let magic = Array("roost digests 2\n".utf8)
    private static let length = 72
    private static let attributesFlag: UInt64 = 1

    private let file: OwnedFD
    private let bytes: [UInt8]
    private let count: Int
    private var used: [Bool]
    private var news: [Record] = []

    init(file: OwnedFD) throws {
        self.file = file
        // Lock out writers while reading: half a record would be a wrong digest.
        try Files.lock(file.raw, .shared)
        let found = try readAll(file.raw, limit: 256 << 20)
        try Files.lock(file.raw, .none)
        // Another format, or a truncated file: start with an empty cache.
        let isWhole = found.starts(with: Self.magic) && (found.count - Self.magic.count).isMultiple(of: Self.length)
        bytes = isWhole ? found : []
        count = isWhole ? (found.count - Self.magic.count) / Self.length : 0
        used = Array(repeating: false, count: count)
    }

    private func number(_ position: Int) -> UInt64 {
        var value: UInt64 = 0
        for offset in (0..<8).reversed() { value = value << 8 | UInt64(bytes[position + offset]) }
        return value
    }

    private func record(_ index: Int) -> Record {
        let start = Self.magic.count + index * Self.length
        return Record(
            inode: number(start), size: number(start + 8), modified: number(start + 16), changed: number(start + 24),
            flags: number(start + 32), digest: bytes[(start + 40)..<(start + 72)])
    }

    func digest(_ status: FileStatus) -> (digest: [UInt8], hasAttributes: Bool)? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if number(Self.magic.count + middle * Self.length) < status.inode {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard low < count else { return nil }
        let found = record(low)
        guard found.inode == status.inode, found.isSame(status) else { return nil }
        used[low] = true
        return (Array(found.digest), found.flags & Self.attributesFlag != 0)
    }

    func remember(_ status: FileStatus, _ digest: [UInt8], hasAttributes: Bool) {
        // A file changed within the last two seconds may change again without a visible difference in its times.
        guard status.changedNanoseconds < Clocks.wallNanoseconds() - 2_000_000_000 else { return }
        news.append(
            Record(
                inode: status.inode, size: UInt64(bitPattern: status.size),
                modified: UInt64(bitPattern: status.modificationTime),
                changed: UInt64(bitPattern: status.changedNanoseconds),
                flags: hasAttributes ? Self.attributesFlag : 0, digest: digest[...]))
    }

    /// Writes the cache if there are new entries. If less than half of the entries were used, drops the unused ones.
    func save() throws {
        let wanted = used.count { $0 }
        let forgets = wanted < count / 2
        guard !news.isEmpty || forgets else { return }
        let replaced = Set(news.map(\.inode))
        var records = (0..<count).filter { !forgets || used[$0] }.map(record).filter { !replaced.contains($0.inode) }
        records += news
        records.sort { $0.inode < $1.inode }
        var out = Self.magic
        out.reserveCapacity(Self.magic.count + records.count * Self.length)
        var last: UInt64?
        for record in records where record.inode != last {
            last = record.inode
            for value in [record.inode, record.size, record.modified, record.changed, record.flags] {
                for shift in stride(from: 0, to: 64, by: 8) {
                    out.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
                }
            }
            out += record.digest
        }
        try Files.lock(file.raw, .exclusive)
        defer { try? Files.lock(file.raw, .none) }
        try Files.truncate(file.raw)
        try Files.rewind(file.raw)
        try writeAll(file.raw, out)
    }
}
