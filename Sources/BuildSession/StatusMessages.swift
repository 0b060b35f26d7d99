import EngineModel

/// Progress messages of a build: `moby.buildkit.v1.StatusResponse` (BuildKit, api/services/control/control.proto).
package enum StatusMessage {
    /// The state of a step. Times are nanoseconds since 1970; 0 means not yet.
    package static func vertex(
        _ digest: String, _ name: String, started: Int64, completed: Int64 = 0, cached: Bool = false, error: String = ""
    ) -> [UInt8] {
        var response = ProtobufWriter()
        response.message(1) {
            $0.text(1, digest)
            $0.text(3, name)
            $0.bool(4, cached)
            $0.time(5, nanoseconds: started)
            if completed > 0 { $0.time(6, nanoseconds: completed) }
            $0.text(7, error)
        }
        return response.bytes
    }

    /// Output of a step; `stream` is 1 (stdout) or 2 (stderr).
    package static func log(_ digest: String, _ text: String, stream: Int64, at time: Int64) -> [UInt8] {
        var response = ProtobufWriter()
        response.message(3) {
            $0.text(1, digest)
            $0.time(2, nanoseconds: time)
            $0.number(3, stream)
            $0.data(4, Array(text.utf8))
        }
        return response.bytes
    }

    /// Progress within a step, in bytes.
    package static func progress(
        _ digest: String, _ id: String, current: Int64, total: Int64, isComplete: Bool, started: Int64, at time: Int64
    ) -> [UInt8] {
        var response = ProtobufWriter()
        response.message(2) {
            $0.text(1, id)
            $0.text(2, digest)
            $0.text(3, id)
            $0.number(4, current)
            $0.number(5, total)
            $0.time(6, nanoseconds: time)
            $0.time(7, nanoseconds: started)
            if isComplete { $0.time(8, nanoseconds: time) }
        }
        return response.bytes
    }

    package static func warning(_ digest: String, _ text: String) -> [UInt8] {
        var response = ProtobufWriter()
        response.message(4) {
            $0.text(1, digest)
            $0.number(2, 1)
            $0.data(3, Array(text.utf8))
        }
        return response.bytes
    }
}

/// A build request: `SolveRequest` of the control service or of the gateway, which use different field numbers.
package struct SolveRequest: Sendable {
    package var frontend = ""
    package var attributes: [String: String] = [:]
    package var session = ""
    /// Results of other builds by name, as `pb.Definition`.
    package var inputs: [String: [UInt8]] = [:]
    package var exports: [Export] = []
    /// What the client allows the Dockerfile to use, e.g. `network.host`.
    package var entitlements: [String] = []

    /// The destination of the result.
    package struct Export: Sendable, Equatable {
        /// `moby` and `image`: the engine's image store; `local`: a directory of the client; `tar`: a file of the client.
        package var type: String
        package var attributes: [String: String]
        /// Identifies the export to the client if there are several.
        package var id: String
    }

    /// Parses `moby.buildkit.v1.SolveRequest`; also returns the reference of the build.
    package static func control(_ bytes: [UInt8]) throws(RoostError) -> (reference: String, order: SolveRequest) {
        let message = try ProtobufReader(bytes)
        var order = SolveRequest()
        order.frontend = message.text(6)
        order.attributes = try message.map(7)
        order.session = message.text(5)
        order.entitlements = message.all(9).map { String(decoding: $0, as: UTF8.self) }
        for bytes in message.all(13) {
            let exporter = try ProtobufReader(bytes)
            order.exports.append(
                Export(type: exporter.text(1), attributes: try exporter.map(2), id: exporter.text(3)))
        }
        // Older clients send a single exporter.
        if order.exports.isEmpty, !message.text(3).isEmpty {
            order.exports = [Export(type: message.text(3), attributes: try message.map(4), id: "")]
        }
        return (message.text(1), order)
    }

    /// `moby.buildkit.v1.frontend.SolveRequest`.
    package static func gateway(_ bytes: [UInt8]) throws(RoostError) -> SolveRequest {
        let message = try ProtobufReader(bytes)
        var order = SolveRequest()
        order.frontend = message.text(2)
        order.attributes = try message.map(3)
        for bytes in message.all(13) {
            let entry = try ProtobufReader(bytes)
            order.inputs[entry.text(1)] = Array(entry.data(2))
        }
        return order
    }
}
