import EngineModel

/// The answer of `GET /containers/{id}/top`.
public struct TopResponse: Codable, Sendable, Equatable {
    public var titles: [String]
    public var processes: [[String]]

    enum CodingKeys: String, CodingKey {
        case titles = "Titles"
        case processes = "Processes"
    }

    public init(_ listing: ProcessListing) {
        titles = listing.titles
        processes = listing.rows
    }
}
