import EngineModel
import LinuxKernel
import NIOCore
import NIOHTTP1
import NIOPosix

/// Inbound parts of a connection: HTTP until it is upgraded, plain bytes (as `body`) from then on.
enum InboundPart: Sendable {
    case head(HTTPRequestHead)
    case body(ByteBuffer)
    case end
}

enum OutboundPart: Sendable {
    case head(HTTPResponseHead)
    case body(ByteBuffer)
    case end
}

/// Translates between NIO's HTTP parts and ours. A malformed request gets an error response, and nothing after it.
private final class HTTPParts: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = InboundPart
    typealias OutboundIn = OutboundPart
    typealias OutboundOut = HTTPServerResponsePart

    private var answering = false
    private var broken = false
    /// A request has arrived in full and its response has not been sent yet.
    private var isComplete = false
    /// What came after a complete request and could not be parsed.
    private var pendingError: (any Error)?
    private let deadline: HeadDeadline

    init(_ deadline: HeadDeadline) { self.deadline = deadline }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            deadline.headCompleted()
            context.fireChannelRead(wrapInboundOut(.head(head)))
        case .body(let bytes): context.fireChannelRead(wrapInboundOut(.body(bytes)))
        case .end:
            isComplete = true
            context.fireChannelRead(wrapInboundOut(.end))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is HTTPParserError, isComplete, !broken {
            // The request before it is whole and gets its response; nothing is read after that.
            pendingError = error
            return
        }
        if let parsing = error as? HTTPParserError, !broken {
            broken = true
            if !answering {
                let isTooLarge = parsing == .headerOverflow
                let reason = isTooLarge ? "the request's headers are too large" : "malformed HTTP request"
                let text = "{\"message\":\"\(reason)\"}\n"
                let headers = HTTPHeaders([
                    ("Connection", "close"), ("Content-Type", "application/json"),
                    ("Content-Length", "\(text.utf8.count)"),
                ])
                let head = HTTPResponseHead(
                    version: .http1_1, status: isTooLarge ? .requestHeaderFieldsTooLarge : .badRequest,
                    headers: headers)
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
        context.fireErrorCaught(error)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part = unwrapOutboundIn(data)
        // The encoder requires a head before a body; after an error there is neither.
        switch part {
        case .head: if broken { return fail(promise) } else { answering = true }
        case .body(let bytes):
            if !answering {
                // An empty write only checks whether everything before it has been sent.
                if bytes.readableBytes == 0, !broken {
                    return context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: promise)
                }
                return fail(promise)
            }
        case .end: if answering { answering = false } else { return fail(promise) }
        }
        let translated: HTTPServerResponsePart =
            switch part {
            case .head(let head): .head(head)
            case .body(let bytes): .body(.byteBuffer(bytes))
            case .end: .end(nil)
            }
        context.write(wrapOutboundOut(translated), promise: promise)
        guard case .end = part else { return }
        deadline.answered()
        isComplete = false
        if let pendingError {
            broken = true
            context.fireErrorCaught(pendingError)
        }
    }

    private func fail(_ promise: EventLoopPromise<Void>?) { promise?.fail(ChannelError.ioOnClosedChannel) }
}

/// The same for an upgraded connection: bytes, nothing else.
private final class RawParts: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = InboundPart
    typealias OutboundIn = OutboundPart
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireChannelRead(wrapInboundOut(.body(unwrapInboundIn(data))))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .body(let bytes) = unwrapOutboundIn(data) else {
            promise?.succeed()
            return
        }
        context.write(wrapOutboundOut(bytes), promise: promise)
    }
}

/// One client connection. NIO's own upgrader rejects requests with a body, which exec's have, so the upgrade is done here.
struct Connection: Sendable {
    typealias AsyncChannel = NIOAsyncChannel<InboundPart, OutboundPart>
    let channel: AsyncChannel

    /// Called on the event loop for every accepted connection.
    static func configure(_ channel: any Channel, _ heads: UnfinishedHeads) -> EventLoopFuture<AsyncChannel> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            // In front of TLS: the handshake is part of the deadline.
            let deadline = HeadDeadline(heads)
            try pipeline.addHandler(deadline, position: .first)
            try pipeline.addHandler(HTTPResponseEncoder(), name: "encoder")
            try pipeline.addHandler(
                ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes)), name: "decoder")
            try pipeline.addHandler(HTTPParts(deadline), name: "parts")
            return try AsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    /// Waits a moment until the client has read what was written. Clients that read heads through a buffer and then use the bare socket,
    /// as Python's do, would lose bytes of the stream that arrive together with the head.
    func waitUntilRead() async {
        let channel = channel.channel
        try? await channel.writeAndFlush(OutboundPart.body(ByteBuffer())).get()
        let descriptor = try? await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
        }.get()
        guard let descriptor = descriptor else { return }
        for round in 0..<40 {
            guard Sockets.unreadBytes(descriptor) > 0 else { return }
            if round < 4 { await Task.yield() } else { try? await Task.sleep(for: .microseconds(250)) }
        }
    }

    /// Upgrades the connection to plain bytes; those received after the request are not lost.
    func hijack() async throws {
        let channel = channel.channel
        try await channel.eventLoop.flatSubmit {
            let pipeline = channel.pipeline.syncOperations
            do {
                let parts = try pipeline.handler(type: HTTPParts.self)
                try pipeline.addHandler(RawParts(), position: .after(parts))
                // The decoder last: it forwards its left-over bytes to the handler behind it.
                return channel.pipeline.removeHandler(name: "parts").flatMap {
                    channel.pipeline.removeHandler(name: "encoder")
                }.flatMap { channel.pipeline.removeHandler(name: "decoder") }
            } catch { return channel.eventLoop.makeFailedFuture(error) }
        }.get()
    }
}
