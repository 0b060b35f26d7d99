import ContainerRuntime
import DockerAPI
import EngineCore
import EngineModel
import LinuxKernel

struct ExecHandlers: Sendable {
    let engine: Engine

    func create(_ request: Request) async throws -> Response {
        let body = try await request.decode(ExecCreateRequest.self)
        func given(_ text: String?) -> String? { text?.isEmpty == false ? text : nil }
        var exec = LaunchPlanBuilder.ExecRequest(arguments: body.command ?? [])
        exec.environment = body.environment ?? []
        exec.workingDirectory = given(body.workingDirectory)
        exec.user = given(body.user)
        exec.terminal = body.tty ?? false
        exec.privileged = body.privileged ?? false
        if exec.privileged, request.isScoped {
            // A privileged process of an unprivileged container can take over the host.
            throw RoostError(.forbidden, "this socket does not allow privileged execs")
        }
        var view = ExecView()
        view.output = body.attachStdout ?? false
        view.error = body.attachStderr ?? false
        if let size = body.consoleSize, size.count == 2 { (view.rows, view.columns) = (size[0], size[1]) }
        let id = try await engine.createExec(
            request.name, exec, attachesInput: body.attachStdin ?? false,
            detachKeys: given(body.detachKeys), view: view)
        return try .json(encoding: ObjectID(id), status: 201)
    }

    func start(_ request: Request) async throws -> Response {
        let body = try await request.decode(ExecStartRequest.self)
        let exec = try await engine.exec(request.name)
        if body.detach == true {
            let streams = try await engine.startExec(exec.id)
            engine.discard(streams)
            return .status(200)
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
            let text = Array((error.message + "\r\n").utf8)
            return .upgrade(type) { stream in
                try await stream.output.send(framed ? Self.frame(text, stream: 2) : text)
                await stream.finishOutput()
            }
        }
        let view = await engine.execView(exec.id)
        let keys = exec.terminal ? try DetachKeys(exec.detachKeys) : nil
        var response = Response.upgrade(type) { stream in
            await self.connect(stream, to: exec, streams, view, keys, framed: framed)
        }
        response.onAbandon = { [engine] in engine.discard(streams) }
        return response
    }

    /// Connects a client to a running process, until its output has ended or the client has detached.
    private func connect(
        _ stream: DuplexStream, to exec: ExecDescription, _ streams: ExecStreams, _ view: ExecView, _ keys: DetachKeys?,
        framed: Bool
    ) async {
        let (left, leave) = AsyncStream.makeStream(of: Void.self)
        let feed = InputFeed()
        let input = Task { await send(stream.input, to: streams, through: feed, keys, leave) }
        let reading = Task {
            await withTaskGroup(of: Void.self) { group in
                // A stream that the client has not attached is read all the same: the process must not block on it.
                group.addTask {
                    await copy(
                        streams.output, to: stream.output, isWanted: view.output || exec.terminal, framed ? 1 : nil)
                }
                if let error = streams.error {
                    group.addTask { await copy(error, to: stream.output, isWanted: view.error, 2) }
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
        await stream.finishOutput()
        feed.end()
        await input.value
    }

    private static func frame(_ bytes: [UInt8], stream: UInt8) -> [UInt8] {
        [stream, 0, 0, 0] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: bytes.count >> $0) } + bytes
    }

    /// Passes the client's input to a process, and closes the process's input at its end.
    private func send(
        _ source: RequestBody, to streams: ExecStreams, through feed: InputFeed, _ keys: DetachKeys?,
        _ leave: AsyncStream<Void>.Continuation
    ) async {
        var scanner = keys.map(DetachScanner.init)
        while let bytes = try? await source.next() {
            let (passed, isDetached) = scanner?.scan(bytes) ?? (bytes, false)
            if isDetached {
                leave.finish()
                return await feed.drain(source)
            }
            guard let target = streams.input else { continue }
            guard await feed.write(passed, to: target, engine) else { return await feed.drain(source) }
        }
        if keys == nil { streams.input?.close() }
    }

    /// Passes a process's output to the client. Sending is not cancelled with the reading: what was read is sent.
    private func copy(_ file: OwnedFD, to client: ResponseWriter, isWanted: Bool, _ stream: UInt8?) async {
        await InputPump.read(file, engine) { bytes in
            guard isWanted else { return }
            let framed = stream.map { Self.frame(bytes, stream: $0) } ?? bytes
            await Task { try? await client.send(framed) }.value
        }
    }

    func resize(_ request: Request) async throws -> Response {
        let (rows, columns) = try ContainerHandlers.window(request)
        try await engine.resizeExec(try await engine.exec(request.name).id, rows: rows, columns: columns)
        return .status(200)
    }

    func inspect(_ request: Request) async throws -> Response {
        let exec = try await engine.exec(request.name)
        // Before API version 1.46 engines reported 126 for every process that could not be started.
        let code = exec.failedToStart && request.version < 1046 ? 126 : exec.exitCode
        var inspect = ExecInspect()
        inspect.id = exec.id
        inspect.running = exec.running
        inspect.exitCode = code.map(Int64.init)
        inspect.processConfig.tty = exec.terminal
        inspect.processConfig.entrypoint = exec.arguments.first ?? ""
        inspect.processConfig.arguments = Array(exec.arguments.dropFirst())
        inspect.processConfig.privileged = exec.privileged
        inspect.processConfig.user = exec.user
        inspect.openStdin = exec.attachesInput
        inspect.openStderr = true
        inspect.openStdout = true
        inspect.containerID = exec.containerID
        inspect.pid = Int64(exec.process)
        return try .json(encoding: inspect)
    }
}
