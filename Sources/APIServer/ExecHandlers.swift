import ContainerRuntime
import DockerAPI
import EngineCore
import EngineModel
import LinuxKernel

struct ExecHandlers: Sendable {
    let engine: Engine

    func create(_ exchange: Exchange) async throws {
        let body = try await exchange.json()
        try WireBody.exec.check(body)
        var request = LaunchPlanBuilder.ExecRequest(arguments: body["Cmd"].strings ?? [])
        request.environment = body["Env"].strings ?? []
        request.workingDirectory = body["WorkingDir"].string.flatMap { $0.isEmpty ? nil : $0 }
        request.user = body["User"].string.flatMap { $0.isEmpty ? nil : $0 }
        request.terminal = body["Tty"].bool ?? false
        request.privileged = body["Privileged"].bool ?? false
        var view = ExecView()
        view.output = body["AttachStdout"].bool ?? false
        view.error = body["AttachStderr"].bool ?? false
        if let size = body["ConsoleSize"].array, size.count == 2, let rows = size[0].int, let columns = size[1].int {
            (view.rows, view.columns) = (UInt16(clamping: rows), UInt16(clamping: columns))
        }
        let id = try await engine.createExec(
            exchange.request.path[1], request, attachesInput: body["AttachStdin"].bool ?? false,
            detachKeys: body["DetachKeys"].string.flatMap { $0.isEmpty ? nil : $0 }, view: view)
        try await exchange.answer(201, ["Id": .string(id)])
    }

    func start(_ exchange: Exchange) async throws {
        let body = try await exchange.json()
        let id = exchange.request.path[1]
        let exec = try await engine.exec(id)
        if body["Detach"].bool == true {
            let streams = try await engine.startExec(exec.id)
            // Nobody reads: the output goes nowhere, but the program must not block on it.
            for file in [streams.output, streams.error].compactMap({ $0 }) { Task { await copy(file) { _ in } } }
            return try await exchange.answer(200)
        }
        // The start's word decides how the stream is cut, as in Docker: it may differ from the exec's own.
        let framed = body["Tty"].bool != true
        let type = framed ? StreamHandlers.multiplexed : StreamHandlers.raw
        if let size = body["ConsoleSize"].array, size.count == 2, let rows = size[0].int, let columns = size[1].int,
            exec.terminal, rows > 0
        {
            await engine.setExecWindow(exec.id, rows: UInt16(clamping: rows), columns: UInt16(clamping: columns))
        }
        let streams: ExecStreams
        do { streams = try await engine.startExec(exec.id) } catch let error as RoostError
            where error.message.hasPrefix("exec failed")
        {
            // As Docker does it: the stream opens and carries the reason; the exit code says 126 or 127.
            try await exchange.takeOver(type)
            let text = Array((error.message + "\r\n").utf8)
            try await exchange.send(framed ? Self.frame(text, stream: 2) : text)
            return await exchange.finishOutput()
        }
        let view = await engine.execView(exec.id)
        try await exchange.takeOver(type)
        let shared = SendableExchange(exchange)
        let keys = exec.terminal ? try DetachKeys(exec.detachKeys) : nil
        let (detached, leave) = AsyncStream.makeStream(of: Void.self)
        let input = Task { await feed(shared.exchange, streams, terminal: exec.terminal, keys, leave) }
        if keys != nil {
            // Whoever types the keys leaves; the program goes on, and its output goes nowhere.
            let output = Task {
                await copy(streams.output) {
                    try await shared.exchange.send(framed ? Self.frame($0, stream: 1) : $0)
                }
                leave.finish()
            }
            for await _ in detached {}
            input.cancel()
            if !output.isCancelled, await engine.execRuns(exec.id) == false { _ = try? await engine.waitExec(exec.id) }
            return await exchange.finishOutput()
        }
        await withTaskGroup(of: Void.self) { group in
            // A stream that nobody has asked for is read all the same: the program must not block on it.
            group.addTask {
                await copy(streams.output) {
                    if view.output { try await shared.exchange.send(framed ? Self.frame($0, stream: 1) : $0) }
                }
            }
            if let error = streams.error {
                group.addTask {
                    await copy(error) { if view.error { try await shared.exchange.send(Self.frame($0, stream: 2)) } }
                }
            }
        }
        _ = try? await engine.waitExec(exec.id)
        await exchange.finishOutput()
        input.cancel()
    }

    private static func frame(_ bytes: [UInt8], stream: UInt8) -> [UInt8] {
        [stream, 0, 0, 0] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: bytes.count >> $0) } + bytes
    }

    private func feed(
        _ exchange: Exchange, _ streams: ExecStreams, terminal: Bool, _ keys: DetachKeys?,
        _ leave: AsyncStream<Void>.Continuation
    ) async {
        var scanner = keys.map(DetachScanner.init)
        while let bytes = try? await exchange.nextBytes() {
            let (passed, left) = scanner?.scan(bytes) ?? (bytes, false)
            if left { return leave.finish() }
            guard let target = streams.input else { continue }
            guard await InputPump.write(passed, to: target, engine) else { break }
        }
        // The client's end of file is the program's.
        if !terminal { streams.input?.closeEarly() }
    }

    private func copy(_ file: OwnedFD, _ send: ([UInt8]) async throws -> Void) async {
        await InputPump.read(file, engine, send)
    }

    func resize(_ exchange: Exchange) async throws {
        let (rows, columns) = try ContainerHandlers.window(exchange.request)
        try await engine.resizeExec(try await engine.exec(exchange.request.path[1]).id, rows: rows, columns: columns)
        try await exchange.answer(200)
    }

    func inspect(_ exchange: Exchange) async throws {
        let exec = try await engine.exec(exchange.request.path[1])
        // Engines of older versions said 126 of every program that could not be started.
        let code = exec.isStillborn && exchange.request.version < 1046 ? 126 : exec.exitCode
        try await exchange.answer(
            200,
            [
                "ID": .string(exec.id), "Running": .bool(exec.running),
                "ExitCode": code.map { JSON($0) } ?? .null,
                "ProcessConfig": [
                    "tty": .bool(exec.terminal), "entrypoint": .string(exec.arguments.first ?? ""),
                    "arguments": JSON(Array(exec.arguments.dropFirst())),
                    "privileged": .bool(exec.privileged), "user": .string(exec.user),
                ], "OpenStdin": .bool(exec.attachesInput), "OpenStderr": true, "OpenStdout": true, "CanRemove": false,
                "ContainerID": .string(exec.containerID),
                "DetachKeys": "", "Pid": JSON(exec.process),
            ])
    }
}
