import EngineModel

/// A line of `GET /events`.
public struct EventMessage: Codable, Sendable, Equatable {
    /// The action, for containers and images.
    public var status: String?
    public var id: String?
    public var from: String?
    public var type: String = ""
    public var action: String = ""
    public var actor: Actor = Actor()
    public var scope: String = ""
    /// Seconds since 1970.
    public var time: Int64 = 0
    public var timeNano: Int64 = 0

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

    public init() {}

    /// The object of the event.
    public struct Actor: Codable, Sendable, Equatable {
        public var id = ""
        public var attributes: [String: String] = [:]

        enum CodingKeys: String, CodingKey {
            case id = "ID"
            case attributes = "Attributes"
        }

        public init() {}
    }
}
