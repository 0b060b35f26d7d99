import EngineModel
import LinuxKernel
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix

/// The error of a failed call (gRPC, "Status codes and their use").
package struct GRPCStatus: Error, Sendable, CustomStringConvertible {
    package let code: Int
    package let message: String
    package var description: String { message }

    package static let unknown = 2
    package static let notFound = 5
    package static let unimplemented = 12

    package init(_ code: Int = GRPCStatus.unknown, _ message: String) {
        self.code = code
        self.message = message
    }
}

typealias FrameChannel = NIOAsyncChannel<HTTP2Frame.FramePayload, HTTP2Frame.FramePayload>

/// One gRPC call on one HTTP/2 stream, from the client or server side. Messages are length-prefixed
/// (gRPC over HTTP/2, "Length-Prefixed-Message").
package final class GRPCCall {
    /// `/package.Service/Method`.
    package let method: String
    private let headers: HPACKHeaders
    private var frames: NIOAsyncChannelInboundStream<HTTP2Frame.FramePayload>.AsyncIterator
    private let output: NIOAsyncChannelOutboundWriter<HTTP2Frame.FramePayload>
    private var buffer = ByteBuffer()
    private var hasEnded = false
    private var hasAnswered = false
    private var trailers: HPACKHeaders?

    static let messageLimit = 32 << 20

    init(
        method: String, headers: HPACKHeaders,
        frames: NIOAsyncChannelInboundStream<HTTP2Frame.FramePayload>.AsyncIterator,
        output: NIOAsyncChannelOutboundWriter<HTTP2Frame.FramePayload>, hasEnded: Bool = false
    ) {
        self.method = method
        self.headers = headers
        self.frames = frames
        self.output = output
        self.hasEnded = hasEnded
    }

    /// A metadata value of the call.
    package func metadata(_ name: String) -> String? { headers.first(name: name) }

    /// The next message; nil at the end of the stream. Throws the error status of the peer.
    package func next() async throws -> [UInt8]? {
        while true {
            if buffer.readableBytes >= 5,
                let length = buffer.getInteger(at: buffer.readerIndex + 1, as: UInt32.self)
            {
                guard length <= Self.messageLimit else { throw GRPCStatus(8, "message too large: \(length) bytes") }
                guard buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) == 0 else {
                    throw GRPCStatus(GRPCStatus.unimplemented, "compressed messages are not supported")
                }
                if buffer.readableBytes >= 5 + Int(length) {
                    buffer.moveReaderIndex(forwardBy: 5)
                    let message = buffer.readBytes(length: Int(length)) ?? []
                    buffer.discardReadBytes()
                    return message
                }
            }
            if hasEnded { return nil }
            guard let frame = try await frames.next() else {
                hasEnded = true
                if trailers == nil { throw GRPCStatus(14, "connection closed during \(method)") }
                return nil
            }
            switch frame {
            case .data(let data):
                if case .byteBuffer(var part) = data.data { buffer.writeBuffer(&part) }
                if data.endStream { hasEnded = true }
            case .headers(let more):
                trailers = more.headers
                if more.endStream { hasEnded = true }
                if let code = more.headers.first(name: "grpc-status").flatMap({ Int($0) }), code != 0 {
                    let text = more.headers.first(name: "grpc-message") ?? ""
                    throw GRPCStatus(code, String(decoding: PercentEncoding.decode(text), as: UTF8.self))
                }
            default: break
            }
        }
    }

    package func send(_ message: [UInt8]) async throws { try await send([message]) }

    /// Sends several messages in one write.
    package func send(_ messages: [[UInt8]]) async throws {
        try await answer()
        var framed = ByteBuffer()
        for message in messages {
            framed.writeInteger(UInt8(0))
            framed.writeInteger(UInt32(message.count))
            framed.writeBytes(message)
        }
        try await output.write(.data(.init(data: .byteBuffer(framed))))
    }

    /// Half-closes the stream of the client side.
    package func finishSending() async throws {
        try await output.write(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true)))
    }

    private var isServer: Bool { headers.first(name: ":method") != nil }

    private func answer() async throws {
        guard isServer, !hasAnswered else { return }
        hasAnswered = true
        try await output.write(
            .headers(.init(headers: [":status": "200", "content-type": "application/grpc"])))
    }

    /// Completes a call on the server side with its status.
    func finish(_ failure: GRPCStatus?) async throws {
        var trailers = HPACKHeaders([("grpc-status", String(failure?.code ?? 0))])
        if let failure {
            trailers.add(name: "grpc-message", value: PercentEncoding.encode(failure.message.utf8, except: .printable))
        }
        if !hasAnswered {
            trailers.add(name: ":status", value: "200")
            trailers.add(name: "content-type", value: "application/grpc")
            trailers = HPACKHeaders(trailers.map { ($0.name, $0.value) }.sorted { $0.0 < $1.0 })
        }
        try await output.write(.headers(.init(headers: trailers, endStream: true)))
        output.finish()
    }
}

/// Serves and makes gRPC calls over a connected socket.
package enum GRPC {
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    @Sendable private static func wrap(_ stream: any Channel) -> EventLoopFuture<FrameChannel> {
        stream.eventLoop.makeCompletedFuture {
            try FrameChannel(
                wrappingChannelSynchronously: stream, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    /// Serves calls until the peer disconnects, then cancels those in progress.
    package static func serve(
        _ socket: OwnedFD, _ handler: @escaping @Sendable (GRPCCall) async throws -> Void
    ) async throws {
        let multiplexer = try await ClientBootstrap(group: group).withConnectedSocket(socket.release()) { channel in
            channel.configureAsyncHTTP2Pipeline(mode: .server) { wrap($0) }
        }
        await withDiscardingTaskGroup { tasks in
            do {
                for try await stream in multiplexer.inbound {
                    tasks.addTask { await answer(stream, handler) }
                }
            } catch {}
            tasks.cancelAll()
        }
    }

    private static func answer(_ stream: FrameChannel, _ handler: @Sendable (GRPCCall) async throws -> Void) async {
        try? await stream.executeThenClose { inbound, outbound in
            var frames = inbound.makeAsyncIterator()
            guard case .headers(let first)? = try await frames.next(), let path = first.headers.first(name: ":path")
            else { return }
            let call = GRPCCall(
                method: path, headers: first.headers, frames: frames, output: outbound, hasEnded: first.endStream)
            do {
                try await handler(call)
                try await call.finish(nil)
            } catch let failure as GRPCStatus {
                try await call.finish(failure)
            } catch { try await call.finish(GRPCStatus(GRPCStatus.unknown, "\(error)")) }
        }
    }

    /// The peer of a connection, which serves calls.
    package struct Peer: Sendable {
        let multiplexer: NIOHTTP2Handler.AsyncStreamMultiplexer<FrameChannel>
        let channel: any Channel

        /// Makes a call; `body` exchanges the messages.
        package func call<Value: Sendable>(
            _ method: String, metadata: [(String, String)] = [],
            _ body: @Sendable (GRPCCall) async throws -> Value
        ) async throws -> Value {
            let stream = try await multiplexer.openStream { GRPC.wrap($0) }
            return try await stream.executeThenClose { inbound, outbound in
                var headers: HPACKHeaders = [
                    ":method": "POST", ":scheme": "http", ":path": method, ":authority": "localhost",
                    "content-type": "application/grpc", "te": "trailers",
                ]
                for (name, value) in metadata { headers.add(name: name, value: value) }
                try await outbound.write(.headers(.init(headers: headers)))
                let call = GRPCCall(
                    method: method, headers: [:], frames: inbound.makeAsyncIterator(), output: outbound)
                let result = try await body(call)
                outbound.finish()
                return result
            }
        }

        /// A unary call: sends one message and returns the response.
        package func ask(_ method: String, _ message: [UInt8]) async throws -> [UInt8] {
            try await call(method) { call in
                try await call.send(message)
                try await call.finishSending()
                guard let answer = try await call.next() else { throw GRPCStatus(13, "\(method) returned no message") }
                while try await call.next() != nil {}
                return answer
            }
        }

        /// Returns when the connection is closed.
        package func waitUntilClosed() async { try? await channel.closeFuture.get() }
    }

    /// Connects to the peer of a socket as a client.
    package static func connect(_ socket: OwnedFD) async throws -> Peer {
        let (multiplexer, channel) = try await ClientBootstrap(group: group).withConnectedSocket(
            socket.release()
        ) { channel in
            channel.configureAsyncHTTP2Pipeline(mode: .client) { wrap($0) }.map { ($0, channel) }
        }
        return Peer(multiplexer: multiplexer, channel: channel)
    }
}
