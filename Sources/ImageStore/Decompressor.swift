import LinuxKernel
import SystemLibraries

/// Compression by its first bytes.
public enum Compression: Sendable, Equatable {
    case none, gzip, zstd, bzip2, xz

    public init(firstBytes bytes: [UInt8]) {
        if bytes.starts(with: [0x1f, 0x8b]) {
            self = .gzip
        } else if bytes.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
            self = .zstd
        } else if bytes.starts(with: [0x42, 0x5a, 0x68]) {
            self = .bzip2
        } else if bytes.starts(with: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) {
            self = .xz
        } else {
            self = .none
        }
    }
}

/// The helper that turns compressed bytes into plain ones.
enum Decompressor {
    static func runConfined() throws {
        try Processes.unshare([.network, .communication])
        try ConfinedHelper.drop(to: [])
        let reader = try ArchiveReader(descriptor: 0, raw: true)
        guard try reader.next() != nil else { return }
        try reader.copy(to: 1)
    }
}
