import EngineModel
import LinuxKernel

/// Connects a hijacked connection to the user's terminal or pipes: input, output, window size and signals. Each is handled on its own
/// thread, so that none blocks another.
package struct AttachedStream {
    package var exchange: HTTPExchange
    package var terminal: Bool
    package var sendsInput: Bool
    /// Called when the size of the user's window has changed.
    package var resized: @Sendable (_ rows: UInt16, _ columns: UInt16) -> Void
    /// Called on a separate thread for each signal to forward. `leaving` restores the settings of the user's terminal: call it before
    /// exiting.
    package var signalled: @Sendable (_ number: Int32, _ leaving: () -> Void) -> Void

    package init(
        exchange: HTTPExchange, terminal: Bool, sendsInput: Bool,
        resized: @escaping @Sendable (UInt16, UInt16) -> Void,
        signalled: @escaping @Sendable (Int32, () -> Void) -> Void
    ) {
        self.exchange = exchange
        self.terminal = terminal
        self.sendsInput = sendsInput
        self.resized = resized
        self.signalled = signalled
    }

    /// SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM.
    private static let passedSignals: [Int32] = [1, 2, 3, 10, 12, 15]
    /// SIGWINCH.
    private static let windowSignal: Int32 = 28

    /// Runs until the peer closes its output.
    package func run() throws {
        let settings = terminal && sendsInput ? Terminals.makeRaw(0) : nil
        defer { if let settings { Terminals.restore(0, settings) } }
        let (resized, signalled) = (resized, signalled)
        try Processes.onSignals(Self.passedSignals + [Self.windowSignal]) { number in
            if number == Self.windowSignal {
                if let window = Terminals.window(1) { resized(window.rows, window.columns) }
            } else {
                signalled(number) { if let settings { Terminals.restore(0, settings) } }
            }
        }
        // Both threads hold the descriptor: its number cannot become another connection's while one of them still writes.
        let connection = exchange.connection
        if sendsInput { try Threads.detach { Self.send(0, to: connection) } }
        var demultiplexer = Demultiplexer(plain: terminal)
        try demultiplexer.write(exchange.takeRest())
        if terminal, let window = Terminals.window(1) { resized(window.rows, window.columns) }
        while true {
            let bytes = (try? readSome(connection.raw, limit: 1 << 17)) ?? []
            if bytes.isEmpty { return }
            try demultiplexer.write(bytes)
        }
    }

    /// Sends a file as input, then shuts down the writing side of the connection.
    package static func send(_ file: Int32, to connection: OwnedFD) {
        while true {
            let bytes: [UInt8]
            do throws(SyscallError) { bytes = try readSome(file, limit: 65536) } catch {
                // Standard input may be non-blocking: its flags are shared with other processes.
                guard error.errno == Errno.again else { break }
                _ = try? waitUntilReady(file, milliseconds: nil)
                continue
            }
            if bytes.isEmpty { break }
            do throws(SyscallError) { try sendAll(connection.raw, bytes) } catch { return }
        }
        Sockets.shutdownWriting(connection.raw)
    }
}

/// Parses Docker's stream frames; an incomplete frame is buffered.
package struct FrameReader {
    private let plain: Bool
    private var buffer: [UInt8] = []

    /// `plain`: the stream of a TTY, which has no frames.
    package init(plain: Bool) { self.plain = plain }

    package mutating func frames(_ bytes: [UInt8]) -> [(isError: Bool, payload: [UInt8])] {
        if plain { return bytes.isEmpty ? [] : [(false, bytes)] }
        buffer += bytes
        var found: [(isError: Bool, payload: [UInt8])] = []
        var position = 0
        while buffer.count - position >= 8 {
            let size = (4..<8).reduce(0) { $0 << 8 | Int(buffer[position + $1]) }
            guard buffer.count - position >= 8 + size else { break }
            found.append((buffer[position] == 2, Array(buffer[(position + 8)..<(position + 8 + size)])))
            position += 8 + size
        }
        buffer.removeFirst(position)
        return found
    }
}

/// Writes the frames to standard output and standard error.
package struct Demultiplexer {
    private var reader: FrameReader

    package init(plain: Bool) { reader = FrameReader(plain: plain) }

    package mutating func write(_ bytes: [UInt8]) throws {
        for frame in reader.frames(bytes) { try writeAll(frame.isError ? 2 : 1, frame.payload) }
    }
}
