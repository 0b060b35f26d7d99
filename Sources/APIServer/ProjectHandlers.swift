import EngineCore
import EngineModel

struct ProjectHandlers: Sendable {
    let engine: Engine
    func plan(_ exchange: Exchange) async throws { throw RoostError(.unsupported, "projects") }
    func up(_ exchange: Exchange) async throws { throw RoostError(.unsupported, "projects") }
    func down(_ exchange: Exchange) async throws { throw RoostError(.unsupported, "projects") }
}
