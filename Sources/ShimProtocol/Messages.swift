//  The exchange between engine and shim, over a unix socket that keeps message borders:
//
//  engine                                    shim
//    | posix_spawn: 0 = socket, 1 = plan, 2 = network namespace or pidfd, 3… = streams of an exec
//    | <--------- started(pid) ------------- |   exec succeeded; descriptors: pidfd, then terminal or input
//    | <--------- failed(step, …) ---------- |   nothing runs; the shim leaves
//    | ---------- keep(tag) ---------------> |   descriptors that must outlive the engine
//    | ---------- closeInput --------------> |   the last attached client has sent its end of file
//    | ---------- rotate(later: Bool) -----> |   a reader needs old log files; delete none for now
//    | <--------- unlogged(bytes) ---------- |   the log takes no more: for those who read along
//    | <--------- exited(code) ------------- |   the log is complete, the exit record is written
//    | ---------- dismissed ---------------> |   the engine has it in its state; the shim leaves
//    | ---------- detached ----------------> |   the engine leaves in an orderly way; do not bring it back
//
//  After a loss of the engine the shim connects again and begins with hello(id, state) and all kept descriptors.

/// What the shim says.
public enum ShimMessage: Sendable, Equatable {
    /// The program runs. `process` is its number in the engine's own process namespace.
    case started(process: Int32)
    /// Nothing runs. `step` names the stage, `code` is errno or 0, `exitCode` is what Docker would report.
    case failed(step: String, reason: String, exitCode: Int32)
    /// The program has ended, at this wall-clock time in nanoseconds since 1970.
    case exited(code: Int32, atNanoseconds: Int64)
    /// The first message on a new connection after the engine was gone.
    case hello(id: String, process: Int32, startedAtNanoseconds: Int64, exit: ExitRecord?, tags: [String])

    /// Output that the log did not take, and why (errno).
    case unlogged(isError: Bool, bytes: [UInt8], errno: Int32)

    private enum Tag: UInt8 { case started, failed, exited, hello, unlogged }

    public func encoded() -> [UInt8] {
        var writer = BinaryWriter()
        switch self {
        case .started(let process):
            writer.write(variant: Tag.started)
            writer.write(process)
        case .failed(let step, let reason, let exitCode):
            writer.write(variant: Tag.failed)
            writer.write(step)
            writer.write(reason)
            writer.write(exitCode)
        case .exited(let code, let time):
            writer.write(variant: Tag.exited)
            writer.write(code)
            writer.write(time)
        case .hello(let id, let process, let started, let exit, let tags):
            writer.write(variant: Tag.hello)
            writer.write(id)
            writer.write(process)
            writer.write(started)
            writer.write(exit) { writer, exit in
                writer.write(exit.code)
                writer.write(exit.atNanoseconds)
            }
            writer.write(tags)
        case .unlogged(let isError, let bytes, let errno):
            writer.write(variant: Tag.unlogged)
            writer.write(isError)
            writer.write(bytes)
            writer.write(errno)
        }
        return writer.bytes
    }

    public init(decoding bytes: [UInt8]) throws(MalformedMessage) {
        var reader = BinaryReader(bytes)
        switch try reader.variant(Tag.self) {
        case .started: self = .started(process: try reader.int32())
        case .failed:
            self = .failed(step: try reader.string(), reason: try reader.string(), exitCode: try reader.int32())
        case .exited: self = .exited(code: try reader.int32(), atNanoseconds: try reader.int64())
        case .hello:
            self = .hello(
                id: try reader.string(), process: try reader.int32(), startedAtNanoseconds: try reader.int64(),
                exit: try reader.optional { (reader: inout BinaryReader) throws(MalformedMessage) in
                    ExitRecord(code: try reader.int32(), atNanoseconds: try reader.int64())
                }, tags: try reader.strings())
        case .unlogged:
            self = .unlogged(isError: try reader.bool(), bytes: try reader.byteArray(), errno: try reader.int32())
        }
    }
}

/// What the engine says.
public enum EngineMessage: Sendable, Equatable {
    /// Hold these descriptors and hand them over after a restart of the engine. One tag per descriptor.
    case keep(tags: [String])
    case closeInput
    case deferLogDeletion(Bool)
    case dismissed
    case detached

    private enum Tag: UInt8 { case keep, closeInput, deferLogDeletion, dismissed, detached }

    public func encoded() -> [UInt8] {
        var writer = BinaryWriter()
        switch self {
        case .keep(let tags):
            writer.write(variant: Tag.keep)
            writer.write(tags)
        case .closeInput: writer.write(variant: Tag.closeInput)
        case .deferLogDeletion(let on):
            writer.write(variant: Tag.deferLogDeletion)
            writer.write(on)
        case .dismissed: writer.write(variant: Tag.dismissed)
        case .detached: writer.write(variant: Tag.detached)
        }
        return writer.bytes
    }

    public init(decoding bytes: [UInt8]) throws(MalformedMessage) {
        var reader = BinaryReader(bytes)
        switch try reader.variant(Tag.self) {
        case .keep: self = .keep(tags: try reader.strings())
        case .closeInput: self = .closeInput
        case .deferLogDeletion: self = .deferLogDeletion(try reader.bool())
        case .dismissed: self = .dismissed
        case .detached: self = .detached
        }
    }
}

/// The end of a program, as the shim writes it to disk: "code nanoseconds\n".
public struct ExitRecord: Sendable, Equatable {
    public let code: Int32
    public let atNanoseconds: Int64

    public init(code: Int32, atNanoseconds: Int64) {
        self.code = code
        self.atNanoseconds = atNanoseconds
    }

    public var text: String { "\(code) \(atNanoseconds)\n" }

    public init?(text: String) {
        let parts = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard parts.count == 2, let code = Int32(parts[0]), let time = Int64(parts[1]) else { return nil }
        self.init(code: code, atNanoseconds: time)
    }
}
