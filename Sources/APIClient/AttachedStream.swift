import EngineModel
import LinuxKernel

/// Joins a taken-over connection with the user's terminal or pipes: input there, output here, window size and signals along.
public struct AttachedStream {
    public var exchange: HTTPExchange
    public var terminal: Bool
    public var sendsInput: Bool
    /// Called when the user's window has changed.
    public var resized: (_ rows: UInt16, _ columns: UInt16) -> Void
    /// Called for signals that are the program's to have.
    public var signalled: (Int32) -> Void

    public init(
        exchange: HTTPExchange, terminal: Bool, sendsInput: Bool, resized: @escaping (UInt16, UInt16) -> Void,
        signalled: @escaping (Int32) -> Void
    ) {
        self.exchange = exchange
        self.terminal = terminal
        self.sendsInput = sendsInput
        self.resized = resized
        self.signalled = signalled
    }

    /// Runs until the other side ends its output.
    public func run() throws {
        let settings = terminal && sendsInput ? Terminals.makeRaw(0) : nil
        defer { if let settings { Terminals.restore(0, settings) } }
        let signals = try Processes.signalDescriptor([1, 2, 3, 10, 12, 15, 28])
        var demultiplexer = Demultiplexer(plain: terminal)
        try demultiplexer.write(exchange.takeRest())
        if terminal, let window = Terminals.window(1) { resized(window.rows, window.columns) }
        var inputOpen = sendsInput
        while true {
            let ready = try waitForAny(
                [exchange.connection.raw, signals.raw] + (inputOpen ? [0] : []), milliseconds: nil)
            if ready.contains(1), let number = Processes.nextSignal(signals.raw) { handle(number) }
            if ready.contains(2) {
                let bytes = try readSome(0, limit: 65536)
                if bytes.isEmpty {
                    inputOpen = false
                    Sockets.shutdownWriting(exchange.connection.raw)
                } else {
                    do { try sendAll(exchange.connection.raw, bytes) } catch { inputOpen = false }
                }
            }
            if ready.contains(0) {
                let bytes = (try? readSome(exchange.connection.raw, limit: 1 << 17)) ?? []
                if bytes.isEmpty { return }
                try demultiplexer.write(bytes)
            }
        }
    }

    private func handle(_ number: Int32) {
        if number == 28 {
            if let window = Terminals.window(1) { resized(window.rows, window.columns) }
        } else {
            signalled(number)
        }
    }
}

/// Takes Docker's frames apart; what arrives in pieces is put together.
public struct FrameReader {
    private let plain: Bool
    private var buffer: [UInt8] = []

    /// `plain`: a terminal's output, which has no frames.
    public init(plain: Bool) { self.plain = plain }

    public mutating func frames(_ bytes: [UInt8]) -> [(isError: Bool, payload: [UInt8])] {
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
public struct Demultiplexer {
    private var reader: FrameReader

    public init(plain: Bool) { reader = FrameReader(plain: plain) }

    public mutating func write(_ bytes: [UInt8]) throws {
        for frame in reader.frames(bytes) { try writeAll(frame.isError ? 2 : 1, frame.payload) }
    }
}
