import EngineModel
import LinuxKernel

/// Sends build results to the client: `FileSend.DiffCopy` of BuildKit sessions. An archive is sent as bytes, a directory with the
/// reversed protocol of `FileSync`: first the metadata of all files, then the content that the client requests.
package enum FileSend {
    package static let method = "/moby.filesync.v1.FileSend/DiffCopy"

    private static let partSize = 1 << 16

    private static func metadata(_ exporter: String) -> [(String, String)] {
        exporter.isEmpty ? [] : [("buildkit-attachable-exporter-id", exporter)]
    }

    /// Sends all data from a file descriptor; returns the number of bytes.
    package static func archive(_ reading: Int32, to peer: GRPC.Peer, exporter: String) async throws -> Int64 {
        try await peer.call(method, metadata: metadata(exporter)) { call in
            var bytes: Int64 = 0
            while case let part = try readSome(reading, limit: partSize), !part.isEmpty {
                var message = ProtobufWriter()
                message.data(1, part)
                try await call.send(message.bytes)
                bytes += Int64(part.count)
            }
            try await call.finishSending()
            // The client closes its side after it has written everything.
            while try await call.next() != nil {}
            return bytes
        }
    }

    /// Sends a directory, which must not change meanwhile; returns the number of bytes that the client requested.
    package static func folder(_ folder: String, to peer: GRPC.Peer, exporter: String) async throws -> Int64 {
        let paths = try list(folder)
        return try await peer.call(method, metadata: metadata(exporter)) { call in
            for path in paths {
                let fact = try fact(path, in: folder)
                var packet = ProtobufWriter()
                packet.data(2, fact)
                try await call.send(packet.bytes)
            }
            var end = ProtobufWriter()
            end.number(1, FileSync.Packet.status)
            try await call.send(end.bytes)
            var bytes: Int64 = 0
            while let message = try await call.next() {
                let packet = try FileSync.packet(message)
                switch packet.number(1) {
                case FileSync.Packet.request:
                    let index = Int(packet.number(3))
                    guard paths.indices.contains(index) else {
                        throw RoostError.invalid("the client requested unknown file number \(index)")
                    }
                    bytes += try await content(folder + "/" + paths[index], index, call)
                case FileSync.Packet.finish:
                    var reply = ProtobufWriter()
                    reply.number(1, FileSync.Packet.finish)
                    try await call.send(reply.bytes)
                    try? await call.finishSending()
                    while try await call.next() != nil {}
                    return bytes
                default: continue
                }
            }
            throw RoostError.invalid("the client closed the stream before the transfer was complete")
        }
    }

    private static func content(_ path: String, _ index: Int, _ call: GRPCCall) async throws -> Int64 {
        let file = try Files.open(path, [.readOnly, .noFollow, .nonBlocking])
        var bytes: Int64 = 0
        while true {
            let part = try readSome(file.raw, limit: partSize)
            var packet = ProtobufWriter()
            packet.number(1, FileSync.Packet.content)
            packet.number(3, Int64(index))
            if !part.isEmpty { packet.data(4, part) }
            try await call.send(packet.bytes)
            bytes += Int64(part.count)
            if part.isEmpty { return bytes }
        }
    }

    /// All paths below a directory in protocol order: the content of a directory follows it directly.
    static func list(_ folder: String) throws -> [String] {
        var found: [String] = []
        func walk(_ path: String) throws {
            let names = try Files.list(path.isEmpty ? folder : folder + "/" + path)
            for name in names.sorted(by: { FileName.bytes($0).lexicographicallyPrecedes(FileName.bytes($1)) }) {
                let below = path.isEmpty ? name : path + "/" + name
                found.append(below)
                guard found.count <= 5_000_000 else {
                    throw RoostError.invalid("the build result has more than 5 million files")
                }
                if try Files.status(folder + "/" + below, followLinks: false).isDirectory { try walk(below) }
            }
        }
        try walk("")
        return found
    }

    /// `fsutil.types.Stat`.
    private static func fact(_ path: String, in folder: String) throws -> [UInt8] {
        let status = try Files.status(folder + "/" + path, followLinks: false)
        var fact = ProtobufWriter()
        fact.data(1, FileName.bytes(path))
        fact.number(2, Int64(GoFileMode.value(status.mode)))
        fact.number(3, Int64(status.user))
        fact.number(4, Int64(status.group))
        if status.isRegular { fact.number(5, status.size) }
        fact.number(6, status.modificationTime)
        if status.isSymbolicLink { fact.data(7, FileName.bytes(try Files.readLink(folder + "/" + path))) }
        if status.isCharacterDevice || status.isBlockDevice {
            fact.number(8, Int64(deviceNumbers(status.specialDevice).major))
            fact.number(9, Int64(deviceNumbers(status.specialDevice).minor))
        }
        return fact.bytes
    }
}
