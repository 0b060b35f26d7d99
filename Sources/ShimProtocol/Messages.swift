//  The protocol between engine and shim, over a SOCK_SEQPACKET unix socket:
//
//  engine                                    shim
//    | posix_spawn: 0 = socket, 1 = plan, 2 = network namespace or pidfd, 3–5 = streams of an exec
//    | <--------- started(pid) ------------- |   exec succeeded; descriptors: pidfd, then terminal or stdin
//    | <--------- failed(step, …) ---------- |   the start failed; the shim exits
//    | ---------- keep(tags) --------------> |   descriptors that must outlive the engine
//    | ---------- closeInput --------------> |   the attached clients have closed stdin
//    | ---------- deferLogDeletion(Bool) --> |   a reader needs rotated log files; keep more of them
//    | <--------- unlogged(bytes) ---------- |   output that could not be logged, for attached clients
//    | <--------- exited(code) ------------- |   the log is complete and the exit record is written
//    | ---------- dismissed ---------------> |   the engine has stored the exit; the shim exits
//    | ---------- detached ----------------> |   the engine shuts down; do not restart it
//
//  If the engine dies, the shim reconnects and starts with hello(id, state, tags) and all kept descriptors.

/// Messages from the shim to the engine.
package enum ShimMessage: Sendable, Equatable {
    /// The process runs. `process` is its pid in the engine's pid namespace.
    case started(process: Int32)
    /// The start failed. `step` names the stage; `exitCode` is what Docker reports.
    case failed(step: String, reason: String, exitCode: Int32)
    /// The process exited at this wall-clock time, in nanoseconds since the Unix epoch.
    case exited(code: Int32, atNanoseconds: Int64)
    /// The first message after a reconnect.
    case hello(id: String, process: Int32, startedAtNanoseconds: Int64, exit: ExitRecord?, tags: [String])

    /// Output that could not be logged, and the errno.
    case unlogged(isError: Bool, bytes: [UInt8], errno: Int32)

    private enum Tag: UInt8 { case started, failed, exited, hello, unlogged }

    package func encoded() -> [UInt8] {
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

    package init(decoding bytes: [UInt8]) throws(MalformedMessage) {
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

/// Messages from the engine to the shim.
package enum EngineMessage: Sendable, Equatable {
    /// Keep these descriptors and return them after an engine restart. One tag per descriptor; a tag without a descriptor is dropped.
    case keep(tags: [String])
    case closeInput
    case deferLogDeletion(Bool)
    case dismissed
    case detached

    private enum Tag: UInt8 { case keep, closeInput, deferLogDeletion, dismissed, detached }

    package func encoded() -> [UInt8] {
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

    package init(decoding bytes: [UInt8]) throws(MalformedMessage) {
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

/// A process's exit, as the shim writes it to disk: "code nanoseconds\n".
package struct ExitRecord: Sendable, Equatable {
    package let code: Int32
    package let atNanoseconds: Int64

    package init(code: Int32, atNanoseconds: Int64) {
        self.code = code
        self.atNanoseconds = atNanoseconds
    }

    package var text: String { "\(code) \(atNanoseconds)\n" }

    package init?(text: String) {
        let parts = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard parts.count == 2, let code = Int32(parts[0]), let time = Int64(parts[1]) else { return nil }
        self.init(code: code, atNanoseconds: time)
    }
}
