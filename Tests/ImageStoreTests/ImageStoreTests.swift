import EngineModel
import Foundation
import LinuxKernel
import OCI
import TestSupport
import Testing

@testable import ImageStore

/// Content on its way into the store.
@Suite struct ArrivalTests {
    private func withStore(_ body: (ContentStore) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "roost-content-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(try ContentStore(root: folder))
    }

    @Test("what arrives in pieces is kept if it is what it should be, and read while it comes")
    func arrival() throws {
        try withStore { store in
            let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let descriptor = Descriptor(mediaType: "x", digest: Digest(of: bytes), size: Int64(bytes.count))
            let blob = try BlobIngest(descriptor, content: store)
            try blob.append(Array(bytes[..<60_000]))
            #expect(try blob.next(at: 0).count > 0 && !store.contains(descriptor.digest))
            try blob.append(Array(bytes[60_000...]))
            try blob.finish()
            #expect(try store.read(descriptor.digest) == bytes)
            #expect(try blob.next(at: Int64(bytes.count)).isEmpty)
        }
    }

    @Test("wrong bytes and wrong lengths are refused and leave nothing")
    func refusals() throws {
        try withStore { store in
            for (size, text) in [(4, "abcd"), (3, "abd"), (3, "ab")] as [(Int64, String)] {
                let descriptor = Descriptor(mediaType: "x", digest: Digest(of: Array("abc".utf8)), size: size)
                do {
                    let blob = try BlobIngest(descriptor, content: store)
                    try blob.append(Array(text.utf8))
                    #expect(throws: RoostError.self) { try blob.finish() }
                    #expect(throws: (any Error).self) { try blob.next(at: 0) }
                }
                #expect(!store.contains(descriptor.digest))
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: store.root + "/arriving").isEmpty)
        }
    }

    @Test("any bytes are a name, and go both ways unchanged")
    func names() {
        var generator = SeededGenerator("file names")
        for _ in 0..<2000 {
            let name = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
                [UInt8.random(in: 1...255, using: &generator), 0xF4, 0x8F, 0xBE, 0xC3, 65]
                    .randomElement(using: &generator) ?? 65
            }
            #expect(FileName.bytes(FileName.text(name)) == name)
        }
        #expect(FileName.text(Array("é日本".utf8)) == "é日本")
        #expect(FileName.shown(FileName.text([98, 0xFF])) == "b\u{FFFD}")
    }

    @Test("a path is parted where the kernel parts it, whatever stands behind the slash")
    func parts() throws {
        #expect(FileName.parts("/a/\u{301}b//c/") == ["a", "\u{301}b", "c"])
    }
}
