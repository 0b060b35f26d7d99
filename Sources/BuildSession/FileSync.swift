import EngineModel
import LinuxKernel
import SystemLibraries

/// Files of the client, by the protocol of BuildKit's `FileSync.DiffCopy`: the client names all that a folder holds, then sends the
/// content of what it is asked for (github.com/tonistiigi/fsutil, send.go and types/wire.proto).
public struct FileSync {
    public static let method = "/moby.filesync.v1.FileSync/DiffCopy"

    /// A folder under the name that the client has given it.
    public let folder: String
    public var included: [String] = []
    public var excluded: [String] = []

    public init(folder: String) { self.folder = folder }

    private enum Packet {
        static let status: Int64 = 0
        static let request: Int64 = 1
        static let content: Int64 = 2
        static let finish: Int64 = 3
        static let failure: Int64 = 4
    }

    /// What the client says of one file; modes are Go's.
    private struct Entry {
        let path: String
        let mode: UInt32
        let size: Int64
        let modified: Int64
        let link: String
        let device: (major: UInt32, minor: UInt32)

        init(_ bytes: ArraySlice<UInt8>) throws(RoostError) {
            let message = try MessageReader(bytes)
            path = message.text(1)
            mode = UInt32(truncatingIfNeeded: message.number(2))
            size = message.number(5)
            modified = message.number(6)
            link = message.text(7)
            device = (
                UInt32(truncatingIfNeeded: message.number(8)), UInt32(truncatingIfNeeded: message.number(9))
            )
        }

        private func has(_ bit: UInt32) -> Bool { mode & 1 << bit != 0 }

        /// Whether its content may be asked for: a plain file.
        var hasContent: Bool { mode & 0x8F28_0000 == 0 }

        var kind: ArchiveEntry.Kind {
            if has(31) { return .directory }
            if has(27) { return .symbolicLink(target: link) }
            if has(26) {
                return has(21)
                    ? .characterDevice(major: device.major, minor: device.minor)
                    : .blockDevice(major: device.major, minor: device.minor)
            }
            if has(25) { return .fifo }
            if has(24) { return .other }
            return link.isEmpty ? .file : .hardLink(target: link)
        }

        var permissions: UInt32 {
            mode & 0o777 | (has(23) ? 0o4000 : 0) | (has(22) ? 0o2000 : 0) | (has(20) ? 0o1000 : 0)
        }
    }

    private var metadata: [(String, String)] {
        var list = [("dir-name", folder)]
        for (name, values) in [("include-patterns", included), ("exclude-patterns", excluded)] where !values.isEmpty {
            // Header values are ASCII: what is not travels as in a URL.
            let isPlain = values.allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } }
            list += values.map { (name, isPlain ? $0 : Self.escaped($0)) }
            if !isPlain { list.append((name + "-encoded", "1")) }
        }
        return list
    }

    private static func escaped(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95, 126: out.unicodeScalars.append(Unicode.Scalar(byte))
            default: out += "%" + Identifiers.hex([byte]).uppercased()
            }
        }
        return out
    }

    /// Small files are asked for before their turn, this many at a time, so that nobody waits for each.
    private static let ahead = 64
    private static let smallSize: Int64 = 1 << 18

    /// Writes the folder as a tar stream; everything belongs to root, as BuildKit has it. Answers with the bytes of content.
    @discardableResult
    public func fetch(from peer: RemoteCalls.Peer, to archive: Int32) async throws -> Int64 {
        try await peer.call(Self.method, metadata: metadata) { call in
            let writer = try ArchiveWriter(descriptor: archive)
            var entries: [Entry] = []
            while let message = try await call.next() {
                let packet = try Self.packet(message)
                guard packet.number(1) == Packet.status else { continue }
                guard let status = packet.all(2).first else { break }
                entries.append(try Entry(status))
                guard entries.count <= 1_000_000 else {
                    throw RoostError.invalid("the context has over a million files")
                }
            }
            var total: Int64 = 0
            var arrived: [Int: [[UInt8]]] = [:]
            var complete: Set<Int> = []
            var nextToAsk = 0
            var asked: Set<Int> = []
            func ask(_ index: Int) async throws {
                guard asked.insert(index).inserted else { return }
                var request = MessageWriter()
                request.number(1, Packet.request)
                request.number(3, Int64(index))
                try await call.send(request.bytes)
            }
            for (index, entry) in entries.enumerated() {
                if case .other = entry.kind { continue }
                let isFile = entry.kind == .file
                try writer.add(
                    entry.path, kind: entry.kind, mode: entry.permissions, size: isFile ? entry.size : 0,
                    modifiedSeconds: entry.modified / 1_000_000_000)
                guard isFile else { continue }
                try await ask(index)
                while nextToAsk < entries.count, nextToAsk < index + Self.ahead {
                    let other = entries[nextToAsk]
                    if nextToAsk > index, other.kind == .file, other.hasContent, other.size <= Self.smallSize {
                        try await ask(nextToAsk)
                    }
                    nextToAsk += 1
                }
                var left = entry.size
                func write(_ part: [UInt8]) throws {
                    let fitting = part.prefix(Int(min(left, Int64(part.count))))
                    if !fitting.isEmpty { try writer.write(Array(fitting)) }
                    left -= Int64(fitting.count)
                    total += Int64(fitting.count)
                }
                for part in arrived.removeValue(forKey: index) ?? [] { try write(part) }
                while !complete.contains(index) {
                    guard let message = try await call.next() else {
                        throw RoostError.invalid("the client stopped sending in the middle of \(entry.path)")
                    }
                    let packet = try Self.packet(message)
                    guard packet.number(1) == Packet.content else { continue }
                    let id = Int(packet.number(3))
                    let part = Array(packet.data(4))
                    if part.isEmpty {
                        complete.insert(id)
                    } else if id == index {
                        try write(part)
                    } else {
                        arrived[id, default: []].append(part)
                    }
                }
                complete.remove(index)
                // A file that has shrunk since it was named.
                while left > 0 { try write([UInt8](repeating: 0, count: Int(min(left, 1 << 16)))) }
            }
            try writer.finish()
            var end = MessageWriter()
            end.number(1, Packet.finish)
            try await call.send(end.bytes)
            while let message = try await call.next(), try Self.packet(message).number(1) != Packet.finish {}
            // The client may have closed the stream by now: it has nothing more to say.
            try? await call.finishSending()
            return total
        }
    }

    private static func packet(_ message: [UInt8]) throws -> MessageReader {
        let packet = try MessageReader(message)
        if packet.number(1) == Packet.failure {
            throw RoostError.invalid("the client cannot read its files: \(packet.text(4))")
        }
        return packet
    }
}
