import NIOCore
import Synchronization

/// Connections with an incomplete request head, the first or a later one. Their number is limited; beyond it the oldest is closed, so
/// that clients that never finish cannot lock others out.
final class UnfinishedHeads: Sendable {
    private let limit: Int
    private let waiting = Mutex<(last: UInt64, channels: [UInt64: any Channel])>((0, [:]))

    init(limit: Int) { self.limit = limit }

    func enter(_ channel: any Channel) -> UInt64 {
        let (id, oldest) = waiting.withLock { state -> (UInt64, (any Channel)?) in
            state.last += 1
            state.channels[state.last] = channel
            guard state.channels.count > limit, let first = state.channels.keys.min() else { return (state.last, nil) }
            return (state.last, state.channels.removeValue(forKey: first))
        }
        oldest?.close(promise: nil)
        return id
    }

    func leave(_ id: UInt64) { waiting.withLock { _ = $0.channels.removeValue(forKey: id) } }
}

/// Closes a connection whose client does not finish a request's head in time, without a response, as Go's ReadHeaderTimeout does.
final class HeadDeadline: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Includes the TLS handshake.
    static let patience = TimeAmount.seconds(10)
    /// Between two requests: longer than any client keeps an unused connection.
    static let idleTime = TimeAmount.minutes(5)

    private enum Phase { case idle, head, request }
    private var phase = Phase.idle
    private let heads: UnfinishedHeads
    private var place: UInt64?
    private var timer: Scheduled<Void>?
    private var channel: (any Channel)?

    init(_ heads: UnfinishedHeads) { self.heads = heads }

    func handlerAdded(context: ChannelHandlerContext) {
        channel = context.channel
        wait(for: .head)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        wait(for: .request)
        channel = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        wait(for: .request)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if phase == .idle { wait(for: .head) }
        context.fireChannelRead(data)
    }

    /// The head is complete; the rest of the request has no deadline.
    func headCompleted() { wait(for: .request) }

    /// The response is complete.
    func answered() { if phase == .request { wait(for: .idle) } }

    private func wait(for phase: Phase) {
        self.phase = phase
        timer?.cancel()
        timer = nil
        if let place { heads.leave(place) }
        place = nil
        guard phase != .request, let channel else { return }
        if phase == .head { place = heads.enter(channel) }
        timer = channel.eventLoop.scheduleTask(in: phase == .head ? Self.patience : Self.idleTime) {
            channel.close(promise: nil)
        }
    }
}
