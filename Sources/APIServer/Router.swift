import DockerAPI
import EngineCore
import EngineModel
import LinuxKernel
import Logging
import NIOCore
import NIOHTTP1

/// Finds the handler of a request and makes a response of whatever it returns or throws. Around the handlers: the API version, and the
/// rights of the socket.
struct Router: Sendable {
    let engine: Engine
    let routes: RouteTable
    /// The rights of this socket's clients; nil allows everything.
    var scope: RequestScope?

    func respond(to request: Request) async -> Response {
        do {
            try Self.checkVersion(request)
            let admitted = if let scope { try await admit(request, scope) } else { request }
            guard let handler = routes.find(admitted) else { throw RoostError.missing("page not found") }
            return try await handler(admitted)
        } catch {
            let known = explain(error)
            if known.kind == .failure, !Self.isDisconnect(error) {
                engine.log.error("\(request.method) /\(request.path.joined(separator: "/")): \(known.message)")
            }
            return Response(known)
        }
    }

    private static func checkVersion(_ request: Request) throws(RoostError) {
        let text = "\(request.version / 1000).\(request.version % 1000)"
        if request.version > APIVersion.number(APIVersion.current) ?? 0 {
            throw .invalid(
                "client version \(text) is too new. Maximum supported API version is \(APIVersion.current)",
                code: .clientTooNew)
        }
        if request.version < APIVersion.number(APIVersion.minimum) ?? 0 {
            throw .invalid(
                "client version \(text) is too old. Minimum supported API version is \(APIVersion.minimum), please upgrade your client to a newer version"
            )
        }
    }

    // MARK: Scope

    /// The request as a scope allows it, narrowed to its project. Throws if it does not.
    private func admit(_ request: Request, _ scope: RequestScope) async throws -> Request {
        var admitted = request
        admitted.isScoped = true
        let decision = scope.decide(request.method, request.path)
        switch decision {
        case .refused(let reason): throw RoostError(.forbidden, reason)
        case .pass: break
        case .filtered: admitted.query["filters"] = [try scope.narrowed(request["filters"])]
        case .container, .exec, .network, .volume, .image:
            // Do not reveal whether other projects' objects exist.
            guard await belongs(request, decision, to: scope.project) else {
                throw RoostError.missing("No such object: \(request.path.dropFirst().joined(separator: "/"))")
            }
        }
        return admitted
    }

    /// Whether the object that a request names belongs to a project.
    private func belongs(_ request: Request, _ decision: RequestScope.Decision, to project: String) async -> Bool {
        let name = request.name
        switch decision {
        case .container: return await engine.containerLabels(name)[RequestScope.label] == project
        case .exec: return await engine.owner(ofExec: name)?.spec.labels[RequestScope.label] == project
        case .network: return await engine.networkLabels(name)[RequestScope.label] == project
        case .volume: return await engine.volumeLabels(name)[RequestScope.label] == project
        case .image:
            return await engine.usesImage(
                request.name(after: 1, before: 1), label: RequestScope.label, value: project)
        case .pass, .filtered, .refused: return false
        }
    }

    // MARK: Errors

    /// An error as clients see it. Errors that have no kind yet are the kernel's.
    func explain(_ error: any Error) -> RoostError {
        if let known = DiskSpace.explain(error, at: engine.configuration.dataRoot) ?? error as? RoostError {
            return known
        }
        if error is HTTPParserError { return .invalid("the request was cut off: \(error)") }
        return .failure("\(error)")
    }

    /// A disconnected client is no failure of the engine.
    static func isDisconnect(_ error: any Error) -> Bool {
        if let call = error as? SyscallError { return [Errno.brokenPipe, Errno.connectionReset].contains(call.errno) }
        return error is ChannelError || error is NIOAsyncWriterError || error is CancellationError || error is IOError
    }
}
