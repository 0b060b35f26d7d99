import EngineModel

extension JSON {
    /// A request's body as its type. Throws for a wrong type, and for texts with a NUL byte, which the kernel would cut off there.
    package func request<Body: Decodable>(_ type: Body.Type = Body.self) throws -> Body {
        if containsNUL { try refuseNUL("") }
        return try decode(type, zeroIfAbsent: true)
    }

    /// Looked for first: the paths for an error are not built for bodies without one.
    private var containsNUL: Bool {
        switch self {
        case .string(let text): text.utf8.contains(0)
        case .array(let items): items.contains { $0.containsNUL }
        case .object(let members): members.contains { $0.key.utf8.contains(0) || $0.value.containsNUL }
        default: false
        }
    }

    private func refuseNUL(_ path: String) throws(RoostError) {
        func check(_ text: String) throws(RoostError) {
            if text.utf8.contains(0) { throw .invalid("invalid \(path): contains nul byte (\\x00)") }
        }
        switch self {
        case .string(let text): try check(text)
        case .array(let items): for (index, item) in items.enumerated() { try item.refuseNUL("\(path)[\(index)]") }
        case .object(let members):
            for (key, value) in members {
                try check(key)
                try value.refuseNUL(path.isEmpty ? key : "\(path).\(key)")
            }
        default: break
        }
    }

    /// Without members that are null, at any depth.
    var withoutNulls: JSON {
        switch self {
        case .array(let items): .array(items.map(\.withoutNulls))
        case .object(let members):
            .object(members.filter { !$0.value.isNull }.map { ($0.key, $0.value.withoutNulls) })
        default: self
        }
    }
}
