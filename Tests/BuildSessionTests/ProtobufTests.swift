import EngineModel
import TestSupport
import Testing

@testable import BuildSession

@Suite struct ProtobufTests {
    @Test("a message comes back as it was written")
    func roundTrip() throws {
        var writer = ProtobufWriter()
        writer.number(1, 300)
        writer.number(2, -1)
        writer.bool(3, true)
        writer.text(4, "é")
        writer.map(5, ["b": "2", "a": "1"])
        writer.message(6) { $0.text(1, "inner") }
        let reader = try ProtobufReader(writer.bytes)
        #expect(reader.number(1) == 300 && reader.number(2) == -1 && reader.number(3) == 1 && reader.text(4) == "é")
        #expect(try reader.map(5) == ["a": "1", "b": "2"])
        #expect(try ProtobufReader(reader.data(6)).text(1) == "inner")
    }

    @Test("the bytes are those of the specification's example")
    func encoding() {
        var writer = ProtobufWriter()
        writer.number(1, 150)
        writer.text(2, "testing")
        #expect(writer.bytes == [0x08, 0x96, 0x01, 0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67])
    }

    @Test("zero and empty values are left out, an empty message is not")
    func absent() {
        var writer = ProtobufWriter()
        writer.number(1, 0)
        writer.text(2, "")
        writer.bool(3, false)
        #expect(writer.bytes.isEmpty)
        writer.message(4) { _ in }
        #expect(writer.bytes == [0x22, 0x00])
    }

    @Test("the last of several values counts, unknown fields are ignored")
    func lastWins() throws {
        let reader = try ProtobufReader(
            [0x08, 0x01, 0x08, 0x02, 0x79, 0, 0, 0, 0, 0, 0, 0, 0, 0x7d, 0, 0, 0, 0] as [UInt8])
        #expect(reader.number(1) == 2)
    }

    @Test(
        "truncated and malformed messages are refused",
        arguments: [
            [0x08], [0x12, 0x05, 0x61], [0x0b], [0x80, 0x80], [0x79, 0], [0x12, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ])
    func malformed(bytes: [UInt8]) { #expect(throws: RoostError.self) { try ProtobufReader(bytes) } }

    @Test("no bytes end the process")
    func hostile() {
        var generator = SeededGenerator("protobuf messages")
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...40, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            if let reader = try? ProtobufReader(bytes) { _ = try? reader.map(1) }
        }
    }

    @Test("requests of the control service carry exporters and entitlements")
    func solveRequest() throws {
        var writer = ProtobufWriter()
        writer.text(1, "ref")
        writer.text(5, "session")
        writer.text(6, "dockerfile.v0")
        writer.map(7, ["filename": "Dockerfile"])
        writer.text(9, "network.host")
        writer.message(13) {
            $0.text(1, "local")
            $0.map(2, ["dest": "out"])
            $0.text(3, "0")
        }
        let (reference, request) = try SolveRequest.control(writer.bytes)
        #expect(reference == "ref" && request.session == "session" && request.frontend == "dockerfile.v0")
        #expect(request.attributes == ["filename": "Dockerfile"] && request.entitlements == ["network.host"])
        #expect(request.exports == [.init(type: "local", attributes: ["dest": "out"], id: "0")])
    }

    @Test("older clients send a single exporter")
    func oldExporter() throws {
        var writer = ProtobufWriter()
        writer.text(3, "moby")
        writer.map(4, ["name": "a"])
        #expect(
            try SolveRequest.control(writer.bytes).order.exports == [
                .init(type: "moby", attributes: ["name": "a"], id: "")
            ])
    }
}
