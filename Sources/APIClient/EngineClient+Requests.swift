import DockerAPI
import EngineModel

/// Requests with typed bodies and answers. A member that an engine does not send has the zero value of its type.
extension EngineClient {
    package func get<Answer: Decodable>(
        _ path: String, _ query: [(String, String)] = [], as type: Answer.Type = Answer.self
    ) throws -> Answer {
        try call("GET", path, query).decode(type, zeroIfAbsent: true)
    }

    /// `repeatable`: the request may be sent again if the engine exits before it has answered.
    package func post<Answer: Decodable>(
        _ path: String, _ query: [(String, String)] = [], repeatable: Bool = false, as type: Answer.Type = Answer.self
    ) throws -> Answer {
        try call("POST", path, query, repeatable: repeatable).decode(type, zeroIfAbsent: true)
    }

    package func post<Answer: Decodable>(
        _ path: String, _ query: [(String, String)] = [], _ body: some Encodable, as type: Answer.Type = Answer.self
    ) throws -> Answer {
        try call("POST", path, query, body: try JSON(encoding: body)).decode(type, zeroIfAbsent: true)
    }

    package func delete<Answer: Decodable>(
        _ path: String, _ query: [(String, String)] = [], as type: Answer.Type = Answer.self
    ) throws -> Answer {
        try call("DELETE", path, query).decode(type, zeroIfAbsent: true)
    }

    // MARK: Containers

    package func listContainers(all: Bool, _ filters: Filters = Filters()) throws -> [ContainerSummary] {
        try get("containers/json", [("all", all ? "1" : "0")] + filters.query)
    }

    /// Throws `notFound` if there is no such container.
    package func inspectContainer(_ reference: String) throws -> ContainerInspect {
        try get("containers/\(Self.encode(reference))/json")
    }

    /// Throws `notFound` if there is no such image.
    package func inspectImage(_ reference: String) throws -> ImageInspect { try get("images/\(reference)/json") }

    /// The engine's events from now on, or since a time.
    package func events(_ filters: Filters, _ query: [(String, String)] = []) throws -> HTTPExchange {
        try open("GET", "events", filters.query + query)
    }
}

extension Filters {
    /// The parameter `filters` of lists; none without a filter.
    package var query: [(String, String)] { values.isEmpty ? [] : [("filters", json.text())] }

    /// The objects of a project.
    package static func project(_ name: String) -> Filters { Filters(["label": ["\(ComposeLabel.project)=\(name)"]]) }
}

extension HTTPExchange {
    /// The next line as a value; nil at the end.
    package func next<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value? {
        try nextLine()?.decode(type, zeroIfAbsent: true)
    }

    /// The next line as a value; `idle` is called periodically until it arrives.
    package func next<Value: Decodable>(
        every milliseconds: Int32, as type: Value.Type = Value.self, _ idle: () -> Void
    ) throws -> Value? {
        try nextLine(every: milliseconds, idle)?.decode(type, zeroIfAbsent: true)
    }
}
