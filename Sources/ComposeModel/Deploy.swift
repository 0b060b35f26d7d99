import EngineModel

/// `deploy` of a service (Compose Deploy Specification).
public struct Deploy: Decodable, Sendable, Equatable {
    @Attribute public var mode: String?
    @Attribute public var replicas: Int64?
    @Attribute public var labels: [String: String]?
    public var updateConfig: UpdateConfig?
    public var rollbackConfig: UpdateConfig?
    public var restartPolicy: RestartPolicy?
    public var resources: Resources?

    enum CodingKeys: String, CodingKey {
        case mode, replicas, labels, resources
        case updateConfig = "update_config"
        case rollbackConfig = "rollback_config"
        case restartPolicy = "restart_policy"
    }

    public init() {}

    /// How replicas are replaced. Times are durations.
    public struct UpdateConfig: Decodable, Sendable, Equatable {
        @Attribute public var parallelism: Int64?
        @Attribute public var delay: String?
        @Attribute public var failureAction: String?
        @Attribute public var monitor: String?
        @Attribute public var maximumFailureRatio: Double?
        @Attribute public var order: String?

        enum CodingKeys: String, CodingKey {
            case parallelism, delay, monitor, order
            case failureAction = "failure_action"
            case maximumFailureRatio = "max_failure_ratio"
        }

        public init() {}
    }

    public struct RestartPolicy: Decodable, Sendable, Equatable {
        @Attribute public var condition: String?
        @Attribute public var delay: String?
        @Attribute public var maximumAttempts: Int64?
        @Attribute public var window: String?

        enum CodingKeys: String, CodingKey {
            case condition, delay, window
            case maximumAttempts = "max_attempts"
        }

        public init() {}
    }

    public struct Resources: Decodable, Sendable, Equatable {
        public var limits: Amounts?
        public var reservations: Amounts?
        public init() {}
    }

    public struct Amounts: Decodable, Sendable, Equatable {
        @Attribute public var cpus: Double?
        /// Bytes.
        @Attribute public var memory: Int64?
        @Attribute public var pids: Int64?
        public var devices: [DeviceReservation]?
        public init() {}
    }
}
