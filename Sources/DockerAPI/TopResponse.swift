import EngineModel

/// The answer of `GET /containers/{id}/top`.
package struct TopResponse: Codable, Sendable, Equatable {
    package var titles: [String]
    package var processes: [[String]]

    enum CodingKeys: String, CodingKey {
        case titles = "Titles"
        case processes = "Processes"
    }

    package init(_ listing: ProcessListing) {
        titles = listing.titles
        processes = listing.rows
    }
}
