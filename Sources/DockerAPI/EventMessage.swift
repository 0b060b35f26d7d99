import EngineModel

/// A line of `GET /events`.
package struct EventMessage: Codable, Sendable, Equatable {
    /// The action, for containers and images.
    package var status: String?
    package var id: String?
    package var from: String?
    package var type: String = ""
    package var action: String = ""
    package var actor: Actor = Actor()
    package var scope: String = ""
    /// Seconds since 1970.
    package var time: Int64 = 0
    package var timeNano: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case status
        case id
        case from
        case type = "Type"
        case action = "Action"
        case actor = "Actor"
        case scope
        case time
        case timeNano
    }

    package init() {}

    /// The object of the event.
    package struct Actor: Codable, Sendable, Equatable {
        package var id = ""
        package var attributes: [String: String] = [:]

        enum CodingKeys: String, CodingKey {
            case id = "ID"
            case attributes = "Attributes"
        }

        package init() {}
    }
}
