/// The body of `POST /volumes/create`.
package struct VolumeCreateRequest: Codable, Sendable, Equatable {
    /// Absent or empty for a generated name.
    package var name: String?
    package var driver: String?
    package var driverOptions: [String: String]?
    package var labels: [String: String]?

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case driver = "Driver"
        case driverOptions = "DriverOpts"
        case labels = "Labels"
    }

    package init(name: String?, driver: String?, driverOptions: [String: String], labels: [String: String]) {
        self.name = name
        self.driver = driver
        self.driverOptions = driverOptions
        self.labels = labels
    }
}
