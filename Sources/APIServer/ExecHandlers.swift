import ContainerRuntime
import DockerAPI
import EngineCore
import EngineModel
import LinuxKernel

struct ExecHandlers: Sendable {
    let engine: Engine

    func create(_ exchange: Exchange) async throws {
        let body = try await exchange.json().request(ExecCreateRequest.self)
        func given(_ text: String?) -> String? { text?.isEmpty == false ? text : nil }
        var request = LaunchPlanBuilder.ExecRequest(arguments: body.command ?? [])
        request.environment = body.environment ?? []
        request.workingDirectory = given(body.workingDirectory)
        request.user = given(body.user)
        request.terminal = body.tty ?? false
        request.privileged = body.privileged ?? false
        if request.privileged, exchange.isScoped {
            // A privileged process of an unprivileged container can take over the host.
            throw RoostError(.forbidden, "this socket does not allow privileged execs")
        }
        var view = ExecView()
        view.output = body.attachStdout ?? false
        view.error = body.attachStderr ?? false
        if let size = body.consoleSize, size.count == 2 { (view.rows, view.columns) = (size[0], size[1]) }
        let id = try await engine.createExec(
            exchange.request.path[1], request, attachesInput: body.attachStdin ?? false,
            detachKeys: given(body.detachKeys), view: view)
        try await exchange.answer(201, ["Id": .string(id)])
    }

    func start(_ exchange: Exchange) async throws {
        let body = try await exchange.json().request(ExecStartRequest.self)
        let exec = try await engine.exec(exchange.request.path[1])
        if body.detach == true {
            let streams = try await engine.startExec(exec.id)
            engine.discard(streams)
            return try await exchange.answer(200)
        }
        // The start's `Tty` decides whether the stream is framed, as in Docker: it may differ from the exec's own.
        let framed = body.tty != true
        let type = framed ? StreamHandlers.multiplexed : StreamHandlers.raw
        if let size = body.consoleSize, size.count == 2, exec.terminal, size[0] > 0 {
            await engine.setExecWindow(exec.id, rows: size[0], columns: size[1])
        }
        let streams: ExecStreams
        do { streams = try await engine.startExec(exec.id) } catch let error as RoostError
            where error.code == .execFailed
        {
            // As in Docker: the stream opens and carries the reason; the exit code is 126 or 127.
            try await exchange.hijack(type)
            let text = Array((error.message + "\r\n").utf8)
            try await exchange.send(framed ? Self.frame(text, stream: 2) : text)
            return await exchange.finishOutput()
        }
        let view = await engine.execView(exec.id)
        try await exchange.hijack(type)
        let shared = SendableExchange(exchange)
        let keys = exec.terminal ? try DetachKeys(exec.detachKeys) : nil
        let (left, leave) = AsyncStream.makeStream(of: Void.self)
        let feed = InputFeed()
        let input = Task { await send(shared.exchange, to: streams, through: feed, keys, leave) }
        let reading = Task {
            await withTaskGroup(of: Void.self) { group in
                // A stream that the client has not attached is read all the same: the process must not block on it.
                group.addTask {
                    await copy(streams.output, to: shared, isWanted: view.output || exec.terminal, framed ? 1 : nil)
                }
                if let error = streams.error {
                    group.addTask { await copy(error, to: shared, isWanted: view.error, 2) }
                }
            }
        }
        let engine = engine
        let ending = Task {
            await engine.outputGraceEnd(of: exec.id)
            reading.cancel()
        }
        // The stream ends after the exit code is known: a client requests the code when it sees the end.
        Task {
            await reading.value
            _ = try? await engine.waitExec(exec.id)
            leave.finish()
        }
        for await _ in left {}
        reading.cancel()
        ending.cancel()
        engine.discard(streams)
        await exchange.finishOutput()
        feed.end()
        await input.value
    }

    private static func frame(_ bytes: [UInt8], stream: UInt8) -> [UInt8] {
        [stream, 0, 0, 0] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: bytes.count >> $0) } + bytes
    }

    /// Passes the client's input to a process, and closes the process's input at its end.
    private func send(
        _ exchange: Exchange, to streams: ExecStreams, through feed: InputFeed, _ keys: DetachKeys?,
        _ leave: AsyncStream<Void>.Continuation
    ) async {
        var scanner = keys.map(DetachScanner.init)
        while let bytes = try? await exchange.nextBytes() {
            let (passed, isDetached) = scanner?.scan(bytes) ?? (bytes, false)
            if isDetached {
                leave.finish()
                return await feed.drain(exchange)
            }
            guard let target = streams.input else { continue }
            guard await feed.write(passed, to: target, engine) else { return await feed.drain(exchange) }
        }
        if keys == nil { streams.input?.close() }
    }

    /// Passes a process's output to the client. Sending is not cancelled with the reading: what was read is sent.
    private func copy(_ file: OwnedFD, to shared: SendableExchange, isWanted: Bool, _ stream: UInt8?) async {
        await InputPump.read(file, engine) { bytes in
            guard isWanted else { return }
            let framed = stream.map { Self.frame(bytes, stream: $0) } ?? bytes
            await Task { try? await shared.exchange.send(framed) }.value
        }
    }

    func resize(_ exchange: Exchange) async throws {
        let (rows, columns) = try ContainerHandlers.window(exchange.request)
        try await engine.resizeExec(try await engine.exec(exchange.request.path[1]).id, rows: rows, columns: columns)
        try await exchange.answer(200)
    }

    func inspect(_ exchange: Exchange) async throws {
        let exec = try await engine.exec(exchange.request.path[1])
        // Before API version 1.46 engines reported 126 for every process that could not be started.
        let code = exec.failedToStart && exchange.request.version < 1046 ? 126 : exec.exitCode
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
