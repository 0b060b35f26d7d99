import APIClient
import EngineModel
import LinuxKernel
import Terminal

/// A line of a container's log: its timestamp (RFC 3339 with nanoseconds) and its text.
struct LogLine {
    var time: ArraySlice<UInt8>
    var text: ArraySlice<UInt8>
    var isError: Bool

    /// The engine prefixes the text with the timestamp and a space.
    init(_ line: ArraySlice<UInt8>, isError: Bool) {
        let cut = line.firstIndex(of: 32) ?? line.startIndex
        time = line[..<cut]
        text = line[min(line.endIndex, cut + 1)...]
        self.isError = isError
    }
}

/// The log of one container, as it arrives.
final class LogSource {
    let id: String
    let name: String
    let service: String
    let exchange: HTTPExchange
    private var rest: [Bool: [UInt8]] = [:]
    private var demultiplexer: FrameReader
    private var waiting: ArraySlice<LogLine> = []
    private(set) var hasEnded = false
    /// Timestamp of the last line that was received.
    private(set) var lastTime: String?

    init(id: String, name: String, service: String, exchange: HTTPExchange, plain: Bool) {
        self.id = id
        self.name = name
        self.service = service
        self.exchange = exchange
        demultiplexer = FrameReader(plain: plain)
    }

    /// The complete lines in the received bytes; an incomplete last line is kept for the next call.
    func lines(_ bytes: [UInt8]) -> [LogLine] {
        var found: [LogLine] = []
        for (isError, payload) in demultiplexer.frames(bytes) {
            let text = (rest[isError] ?? []) + payload
            var start = text.startIndex
            while let end = text[start...].firstIndex(of: 10) {
                found.append(LogLine(text[start..<end], isError: isError))
                start = end + 1
            }
            rest[isError] = Array(text[start...])
        }
        if let last = found.last { lastTime = String(decoding: last.time, as: UTF8.self) }
        return found
    }

    /// The next line without consuming it; nil at the end of the log.
    func peek() throws -> LogLine? {
        while waiting.isEmpty, !hasEnded {
            let bytes = try exchange.read()
            hasEnded = bytes.isEmpty
            waiting = lines(bytes)[...]
            if hasEnded {
                // A last line without a newline.
                for (isError, text) in rest where !text.isEmpty { waiting.append(LogLine(text[...], isError: isError)) }
                rest = [:]
            }
        }
        return waiting.first
    }

    func take() { waiting.removeFirst() }
}

/// Writes log lines with their service names; buffered, so that a million lines are not a million writes.
struct LogPrinter {
    let style: Style
    let prefix: Bool
    let timestamps: Bool
    var width = 0
    private var pending: [UInt8] = []
    private var descriptor: Int32 = 1

    init(style: Style, prefix: Bool, timestamps: Bool) {
        self.style = style
        self.prefix = prefix
        self.timestamps = timestamps
    }

    mutating func write(_ line: LogLine, of source: LogSource) {
        let wanted: Int32 = line.isError ? 2 : 1
        if wanted != descriptor || pending.count > 1 << 16 { flush() }
        descriptor = wanted
        if prefix {
            let name = TextWidth.padded(source.name, width) + " | "
            pending += Array(style.service(source.service, name).utf8)
        }
        if timestamps { pending += line.time + [32] }
        pending += line.text
        pending.append(10)
    }

    mutating func flush() {
        if !pending.isEmpty { try? writeAll(descriptor, pending) }
        pending.removeAll(keepingCapacity: true)
    }

    /// Reads logs to their end and writes the lines ordered by timestamp; only a chunk of each log is in memory.
    mutating func merge(_ sources: [LogSource]) throws {
        while true {
            var first: (line: LogLine, source: LogSource)?
            for source in sources {
                guard let line = try source.peek() else { continue }
                if let found = first, !line.time.lexicographicallyPrecedes(found.line.time) { continue }
                first = (line, source)
            }
            guard let (line, source) = first else { break }
            source.take()
            write(line, of: source)
        }
        flush()
    }
}
