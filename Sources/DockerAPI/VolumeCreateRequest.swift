/// The body of `POST /volumes/create`.
public struct VolumeCreateRequest: Codable, Sendable, Equatable {
    /// Absent or empty for a generated name.
    public var name: String?
    public var driver: String?
    public var driverOptions: [String: String]?
    public var labels: [String: String]?

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case driver = "Driver"
        case driverOptions = "DriverOpts"
        case labels = "Labels"
    }

    public init(name: String?, driver: String?, driverOptions: [String: String], labels: [String: String]) {
        self.name = name
        self.driver = driver
        self.driverOptions = driverOptions
        self.labels = labels
    }
}
