import Archives
import EngineModel
import LinuxKernel

/// Reads files of the client with BuildKit's `FileSync.DiffCopy` protocol: the client lists all files of a directory, then sends the
/// requested content (github.com/tonistiigi/fsutil, send.go and types/wire.proto).
package struct FileSync {
    package static let method = "/moby.filesync.v1.FileSync/DiffCopy"

    /// The name under which the client exposes the directory.
    package let folder: String
    package var included: [String] = []
    package var excluded: [String] = []

    package init(folder: String) { self.folder = folder }

    enum Packet {
        static let status: Int64 = 0
        static let request: Int64 = 1
        static let content: Int64 = 2
        static let finish: Int64 = 3
        static let failure: Int64 = 4
    }

    /// The metadata of one file from the client; modes use Go's encoding.
    package struct Facts: Sendable, Equatable, Codable {
        package let mode: UInt32
        package let size: Int64
        /// Nanoseconds since 1970.
        package let modified: Int64
        package let link: String
        /// Major and minor number of a device.
        package let device: [UInt32]

        package init(mode: UInt32, size: Int64, modified: Int64, link: String, device: [UInt32]) {
            self.mode = mode
            self.size = size
            self.modified = modified
            self.link = link
            self.device = device.count == 2 ? device : [0, 0]
        }

        private func has(_ bit: UInt32) -> Bool { mode & 1 << bit != 0 }

        /// Whether its content can be requested: true for regular files.
        var hasContent: Bool { mode & 0x8F28_0000 == 0 }

        /// Whether both have the same file type: a file can replace a file, but not a directory.
        package func isLike(_ other: Facts) -> Bool { mode & 0x8F28_0000 == other.mode & 0x8F28_0000 }

        var kind: ArchiveEntry.Kind {
            if has(31) { return .directory }
            if has(27) { return .symbolicLink(target: link) }
            if has(26) {
                return has(21)
                    ? .characterDevice(major: device[0], minor: device[1])
                    : .blockDevice(major: device[0], minor: device[1])
            }
            if has(25) { return .fifo }
            if has(24) { return .other }
            return link.isEmpty ? .file : .hardLink(target: link)
        }

        var permissions: UInt32 {
            mode & 0o777 | (has(23) ? 0o4000 : 0) | (has(22) ? 0o2000 : 0) | (has(20) ? 0o1000 : 0)
        }
    }

    /// The files of a directory, and the number of bytes received.
    package struct Listing: Sendable {
        package var files: [String: Facts] = [:]
        package var bytes: Int64 = 0
    }

    private static func entry(_ bytes: ArraySlice<UInt8>) throws(RoostError) -> (path: String, facts: Facts) {
        let message = try ProtobufReader(bytes)
        let facts = Facts(
            mode: UInt32(truncatingIfNeeded: message.number(2)), size: message.number(5), modified: message.number(6),
            link: FileName.text(message.data(7)),
            device: [
                UInt32(truncatingIfNeeded: message.number(8)), UInt32(truncatingIfNeeded: message.number(9)),
            ])
        return (FileName.text(message.data(1)), facts)
    }

    private var metadata: [(String, String)] {
        var list = [("dir-name", folder)]
        for (name, values) in [("include-patterns", included), ("exclude-patterns", excluded)] where !values.isEmpty {
            // Header values are ASCII; other values are percent-encoded.
            let isPlain = values.allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } }
            list += values.map { (name, isPlain ? $0 : PercentEncoding.encode(FileName.bytes($0))) }
            if !isPlain { list.append((name + "-encoded", "1")) }
        }
        return list
    }

    /// Small files are requested in advance, up to this total size, to avoid a round trip for each.
    private static let aheadBytes: Int64 = 8 << 20
    private static let smallSize: Int64 = 1 << 18

    /// Writes the directory as a tar stream; all files belong to root, as in BuildKit. Files that are unchanged from `known` are omitted.
    package func fetch(from peer: GRPC.Peer, known: [String: Facts] = [:], to archive: Int32) async throws
        -> Listing
    {
        try await peer.call(Self.method, metadata: metadata) { call in
            var entries: [(path: String, facts: Facts)] = []
            var listing = Listing()
            while let message = try await call.next() {
                let packet = try Self.packet(message)
                guard packet.number(1) == Packet.status else { continue }
                guard let status = packet.all(2).first else { break }
                let entry = try Self.entry(status)
                entries.append(entry)
                listing.files[entry.path] = entry.facts
                guard entries.count <= 1_000_000 else {
                    throw RoostError.invalid("the build context has more than 1 million files")
                }
            }
            var content = Content(call: call)
            // Clients number the files in the order of the list. A hard link is always recreated, because its file may be.
            let changed = entries.indices.filter { index in
                let facts = entries[index].facts
                if case .hardLink = facts.kind { return true }
                return known[entries[index].path] != facts
            }
            let files = changed.filter { entries[$0].facts.kind == .file && entries[$0].facts.hasContent }
            var waiting = files[...]
            var ahead: Int64 = 0
            let writer = try ArchiveWriter(descriptor: archive)
            for index in changed {
                let (path, facts) = entries[index]
                if case .other = facts.kind { continue }
                let isFile = facts.kind == .file
                try writer.add(
                    path, kind: facts.kind, mode: facts.permissions, size: isFile ? facts.size : 0,
                    modifiedSeconds: facts.modified / 1_000_000_000)
                guard isFile else { continue }
                if waiting.first == index {
                    var wanted: [(index: Int, size: Int64)] = []
                    repeat {
                        guard let next = waiting.first else { break }
                        let size = entries[next].facts.size
                        if next != index, size > Self.smallSize { break }
                        waiting.removeFirst()
                        wanted.append((next, size))
                        ahead += size
                    } while ahead < Self.aheadBytes
                    try await content.ask(wanted)
                    ahead = 0
                }
                var left = facts.size
                while let part = try await content.next(of: index) {
                    try writer.write(part)
                    left -= Int64(part.count)
                    listing.bytes += Int64(part.count)
                }
                // The file has shrunk since it was listed.
                while left > 0 {
                    let zeros = [UInt8](repeating: 0, count: Int(min(left, 1 << 16)))
                    try writer.write(zeros)
                    left -= Int64(zeros.count)
                }
            }
            try writer.finish()
            var end = ProtobufWriter()
            end.number(1, Packet.finish)
            try await call.send(end.bytes)
            while let message = try await call.next(), try Self.packet(message).number(1) != Packet.finish {}
            // The client may already have closed the stream.
            try? await call.finishSending()
            return listing
        }
    }

    /// The requested content; the client sends several files concurrently, in any order.
    private struct Content {
        let call: GRPCCall
        private var arrived: [Int: [[UInt8]]] = [:]
        private var complete: Set<Int> = []
        /// The remaining bytes of each requested file; data that was appended since it was listed is dropped.
        private var left: [Int: Int64] = [:]

        init(call: GRPCCall) { self.call = call }

        mutating func ask(_ files: [(index: Int, size: Int64)]) async throws {
            for file in files { left[file.index] = file.size }
            try await call.send(
                files.map { file in
                    var request = ProtobufWriter()
                    request.number(1, Packet.request)
                    request.number(3, Int64(file.index))
                    return request.bytes
                })
        }

        /// The next bytes of a file; nil at the end of the file.
        mutating func next(of index: Int) async throws -> [UInt8]? {
            while true {
                if var parts = arrived[index], !parts.isEmpty {
                    let first = parts.removeFirst()
                    arrived[index] = parts
                    return first
                }
                if complete.remove(index) != nil {
                    arrived[index] = nil
                    return nil
                }
                guard let message = try await call.next() else {
                    throw RoostError.invalid("the client closed the stream in the middle of a file")
                }
                let packet = try FileSync.packet(message)
                guard packet.number(1) == Packet.content else { continue }
                let id = Int(packet.number(3))
                guard let open = left[id] else {
                    throw RoostError.invalid("the client sent file number \(id), which was not requested")
                }
                let part = packet.data(4)
                if part.isEmpty {
                    complete.insert(id)
                    left[id] = nil
                } else if open > 0 {
                    let fitting = Array(part.prefix(Int(min(open, Int64(part.count)))))
                    left[id] = open - Int64(fitting.count)
                    arrived[id, default: []].append(fitting)
                }
            }
        }
    }

    static func packet(_ message: [UInt8]) throws -> ProtobufReader {
        let packet = try ProtobufReader(message)
        if packet.number(1) == Packet.failure {
            throw RoostError.invalid("the client cannot read its files: \(packet.text(4))")
        }
        return packet
    }
}
